"""Triton: how long inferences wait while instances of their model are added and taken away.

python triton_waits.py 127.0.0.1:8000 (started with --model-control-mode=explicit, with the Python backend)
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
    def execute(self, requests):
        time.sleep(0.02)
        return [pb.InferenceResponse([request.inputs()[0]]) for request in requests]
"""


def call(method, path, document=None):
    connection, began = http.client.HTTPConnection(sys.argv[1], timeout=30), time.monotonic()
    connection.request(method, f"/v2/{path}", json.dumps(document) if document is not None else None)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), time.monotonic() - began


def load(name, count):
    tensor, group = (
        {"name": "x", "data_type": "TYPE_INT32", "dims": [1]},
        {"count": count, "kind": "KIND_CPU"},
    )
    config = {"backend": "python", "input": [tensor], "output": [tensor], "instance_group": [group]}
    sent = {"config": json.dumps(config), "file:1/model.py": base64.b64encode(MODEL).decode()}
    status, _, seconds = call("POST", f"repository/models/{name}/load", {"parameters": sent})
    has = json.loads(call("GET", f"models/{name}/config")[1])["instance_group"][0]["count"]
    print(f"load with count {count}: {status} after {seconds:.2f} s; it has {has}")


def ask():
    tensor = {"name": "x", "shape": [1], "datatype": "INT32", "data": [7]}
    while not done.is_set():
        status, _, seconds = call("POST", "models/calm/infer", {"inputs": [tensor]})
        waits.append((seconds, status))


done, waits = threading.Event(), []
load("calm", 3)
threads = [threading.Thread(target=ask) for _ in range(3)]
for thread in threads:
    thread.start()
for count in (3, 4, 3, 2, 1):
    waits.clear()
    load("calm", count)
    time.sleep(0.5)
    statuses = {status for _, status in waits}
    print(f"  meanwhile {len(waits)} inferences, statuses {statuses}, longest {max(waits)[0]:.2f} s")
done.set()
for thread in threads:
    thread.join()
call("POST", "repository/models/calm/unload", {})
