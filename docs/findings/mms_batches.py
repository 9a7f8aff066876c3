"""multi-model-server with the SageMaker Inference Toolkit: requests of two types in one batch, and one that fails.

python mms_batches.py 127.0.0.1:8080 127.0.0.1:8081 (on this machine, with model_store=/ and the toolkit installed)
"""

import http.client
import sys
import tempfile
import threading
import time
from pathlib import Path

INFERENCE, MANAGEMENT = sys.argv[1:3]
HANDLER = """def model_fn(model_dir):
    return None

def input_fn(data, content_type):
    return f"{data!r} read as {content_type}"

def predict_fn(data, model):
    if "bad" in data:
        raise ValueError("a bad request")
    return data

def output_fn(prediction, accept):
    return f"{prediction}, written as {accept}"
"""


def call(address, method, path, body=None, kind=""):
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request(method, path, body, {"Content-Type": kind, "Accept": kind} if kind else {})
    answer = connection.getresponse()
    text = " ".join(answer.read().decode().split())
    asked = f"{body} as {kind}" if body else path.partition("?")[0]
    print(f"{method} {asked}: {answer.status} {answer.getheader('content-type')} {text[:140]}\n", end="")


with tempfile.TemporaryDirectory() as directory:
    (Path(directory) / "inference.py").write_text(HANDLER)
    service = "sagemaker_inference.default_handler_service"
    asked = f"url={directory}&model_name=m&handler={service}&initial_workers=1&synchronous=true"
    call(MANAGEMENT, "POST", f"/models?{asked}&batch_size=2&max_batch_delay=1000")
    for pair in (
        ((b"[1]", "application/json"), (b"2,3", "text/csv")),
        ((b"good", "text/csv"), (b"bad", "text/csv")),
    ):
        asking = [
            threading.Thread(target=call, args=(INFERENCE, "POST", "/models/m/invoke", body, kind))
            for body, kind in pair
        ]
        for thread in asking:
            thread.start()
            time.sleep(0.1)
        for thread in asking:
            thread.join()
    call(MANAGEMENT, "DELETE", "/models/m")
