"""Triton: what becomes of requests whose clients have left, and of the unloading of their model.

python triton_gone_clients.py 127.0.0.1:8000 (on the server's machine, which was started with
--model-control-mode=explicit, with the Python backend)
"""

import base64
import http.client
import json
import pathlib
import sys
import threading
import time

MODEL = b"""
import time, triton_python_backend_utils as pb
class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            time.sleep(1)
            answers.append(pb.InferenceResponse([request.inputs()[0]]))
        return answers
"""
TENSOR = {"name": "x", "shape": [1], "datatype": "INT32", "data": [7]}
CLIENTS = 12


def call(method, path, document=None, timeout=60.0):
    connection = http.client.HTTPConnection(sys.argv[1], timeout=timeout)
    try:
        connection.request(method, f"/v2{path}", json.dumps(document) if document is not None else None)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    except TimeoutError:
        return 0, {}
    finally:
        connection.close()


def processes():
    """Of instances of the model: Triton runs a program of its own for each, which is told the model's name."""
    commands = [path.read_bytes() for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return sum(b"triton_python_backend_stub" in command and b"slow" in command for command in commands)


tensor = {"name": "x", "data_type": "TYPE_INT32", "dims": [1]}
config = {"backend": "python", "input": [tensor], "output": [tensor]}
sent = {"config": json.dumps(config), "file:1/model.py": base64.b64encode(MODEL).decode()}
call("POST", "/repository/models/slow/load", {"parameters": sent})
asked = ("POST", "/models/slow/infer", {"inputs": [TENSOR]}, 0.5)
threads = [threading.Thread(target=call, args=asked) for _ in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
began = time.monotonic()
print(f"{CLIENTS} clients asked for 1 s of work each, and left after 0.5 s")
print(
    "unload:",
    call("POST", "/repository/models/slow/unload", {})[0],
    f"after {time.monotonic() - began:.1f} s",
)
while processes():
    time.sleep(0.1)
print(f"its process was gone {time.monotonic() - began:.1f} s after the last client")
