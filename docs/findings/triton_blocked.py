"""Triton: how long requests on connections that are kept open wait while a model is loaded that they do not ask for.

python triton_blocked.py 127.0.0.1:8000 (started with --model-control-mode=explicit, with the Python backend)
"""

import base64
import http.client
import json
import sys
import threading
import time

MODEL = b"""
import time, triton_python_backend_utils as pb
class TritonPythonModel:
    def initialize(self, args): time.sleep(2)
    def execute(self, requests): return [pb.InferenceResponse([r.inputs()[0]]) for r in requests]
"""
CONNECTIONS = 16


def connect():
    return http.client.HTTPConnection(sys.argv[1], timeout=60)


def call(connection, method, path, document=None):
    began = time.monotonic()
    connection.request(method, f"/v2{path}", json.dumps(document) if document is not None else None)
    answer = connection.getresponse()
    answer.read()
    return answer.status, time.monotonic() - began


def load(name):
    tensor = {"name": "x", "data_type": "TYPE_INT32", "dims": [1]}
    config = {"backend": "python", "input": [tensor], "output": [tensor]}
    sent = {"config": json.dumps(config), "file:1/model.py": base64.b64encode(MODEL).decode()}
    status, seconds = call(connect(), "POST", f"/repository/models/{name}/load", {"parameters": sent})
    print(f"load of '{name}': {status} after {seconds:.2f} s")


def watch(number, path):
    kept = connect()
    while not done.is_set():
        longest[number] = max(longest[number], call(kept, "GET", path)[1])
        time.sleep(0.02)


load("first")
for path in ("/health/live", "/models/first/ready", ""):
    for beside, operation in (("nothing", lambda: time.sleep(2)), ("a load", lambda: load("second"))):
        done, longest = threading.Event(), [0.0] * CONNECTIONS
        threads = [threading.Thread(target=watch, args=(number, path)) for number in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        operation()
        done.set()
        for thread in threads:
            thread.join()
        times = " ".join(f"{seconds:.2f}" for seconds in sorted(longest, reverse=True))
        print(f"GET /v2{path} beside {beside}, the longest on each connection: {times}")
    call(connect(), "POST", "/repository/models/second/unload", {})
    time.sleep(2)
call(connect(), "POST", "/repository/models/first/unload", {})
