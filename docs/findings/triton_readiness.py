"""Triton: whether the server says that it is ready, while a model is loaded and another one serves.

python triton_readiness.py 127.0.0.1:8000 (started with --model-control-mode=explicit, with the Python backend)
"""

import base64
import collections
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


def call(method, path, document=None):
    connection = http.client.HTTPConnection(sys.argv[1], timeout=30)
    connection.request(method, f"/v2/{path}", json.dumps(document) if document is not None else None)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def load(name):
    tensor = {"name": "x", "data_type": "TYPE_INT32", "dims": [1]}
    config = {"backend": "python", "input": [tensor], "output": [tensor]}
    sent = {"config": json.dumps(config), "file:1/model.py": base64.b64encode(MODEL).decode()}
    print(f"load of '{name}':", call("POST", f"repository/models/{name}/load", {"parameters": sent}))


def watch():
    while not done.is_set():
        for path in paths:
            statuses[path][call("GET", path)] += 1
        time.sleep(0.01)


load("first")
paths = ("health/ready", "health/live", "models/first/ready")
unload = ("POST", "repository/models/second/unload", {})
for what, operation in (
    ("nothing", lambda: None),
    ("a load", lambda: load("second")),
    ("an unload", lambda: call(*unload)),
):
    done, statuses = threading.Event(), {path: collections.Counter() for path in paths}
    thread = threading.Thread(target=watch)
    thread.start()
    operation()
    time.sleep(2)
    done.set()
    thread.join()
    print(f"beside {what}:", {path: dict(counter) for path, counter in statuses.items()})
call("POST", "repository/models/first/unload", {})
