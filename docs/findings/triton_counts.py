"""Triton: what is answered to numbers of instances that cannot be, and where a model that came with its load is listed.

python triton_counts.py 127.0.0.1:8000 (started with --model-control-mode=explicit, with the Python backend)
"""

import base64
import http.client
import json
import sys
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


for count in (2, 0, -1):
    load("strange", count)
print("in the index:", "strange" in call("POST", "repository/index", {})[1])
print("in the statistics:", "strange" in call("GET", "models/stats")[1])
call("POST", "repository/models/strange/unload", {})
