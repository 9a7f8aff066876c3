"""Triton: a model whose instance died in an inference is unloaded; and whether the server is ready after that.

python triton_crash.py 127.0.0.1:8000 (started with --model-control-mode=explicit, with the Python backend)
"""

import base64
import http.client
import json
import sys
import time

MODEL = b"""
import os, triton_python_backend_utils as pb
class TritonPythonModel:
    def execute(self, requests): os._exit(7)
"""


def call(method, path, document=None):
    connection = http.client.HTTPConnection(sys.argv[1], timeout=15)
    try:
        connection.request(method, f"/v2/{path}", json.dumps(document) if document is not None else None)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()[:140]
    except OSError as error:
        return repr(error)


tensor = {"name": "x", "data_type": "TYPE_INT32", "dims": [1]}
config = {"backend": "python", "input": [tensor], "output": [tensor]}
sent = {"config": json.dumps(config), "file:1/model.py": base64.b64encode(MODEL).decode()}
ask = {"inputs": [{"name": "x", "shape": [1], "datatype": "INT32", "data": [7]}]}
print("load:", call("POST", "repository/models/dies/load", {"parameters": sent}))
for _ in range(2):
    print("inference:", call("POST", "models/dies/infer", ask))
print("unload:", call("POST", "repository/models/dies/unload", {}))
for seconds in (1, 10, 30):
    time.sleep(seconds)
    print(f"{seconds} s later: ready:", call("GET", "health/ready"), "live:", call("GET", "health/live"))
print("load again:", call("POST", "repository/models/dies/load", {"parameters": sent}))
