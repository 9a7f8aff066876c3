"""multi-model-server: what is said of a model whose handler cannot load it.

python mms_not_loaded.py 127.0.0.1:8080 127.0.0.1:8081 (on this machine, with model_store=/)
"""

import http.client
import json
import sys
import tempfile
from pathlib import Path

INFERENCE, MANAGEMENT = sys.argv[1:3]
SERVICE = """class Service:
    def initialize(self, context):
        raise OSError("no weights")

    def handle(self, data, context):
        return [b"answered all the same"]
"""


def call(address, method, path, body=None):
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    text = " ".join(answer.read().decode().split())
    if method == "GET" and path.startswith("/models/"):
        text = f"workers {[worker['status'] for worker in json.loads(text)['workers']]}"
    print(f"{method} {path.partition('?')[0]}: {answer.status} {text[:120]}")


with tempfile.TemporaryDirectory() as directory:
    (Path(directory) / "service.py").write_text(SERVICE)
    asked = f"url={directory}&model_name=m&handler=service.py&initial_workers=1&synchronous=true"
    call(MANAGEMENT, "POST", f"/models?{asked}")
    call(MANAGEMENT, "GET", "/models/m")
    call(INFERENCE, "GET", "/ping")
    call(INFERENCE, "POST", "/models/m/invoke", b"1")
    call(MANAGEMENT, "DELETE", "/models/m")
