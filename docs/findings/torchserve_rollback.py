"""TorchServe: what operations leave behind that were answered as failed.

python torchserve_rollback.py 127.0.0.1:8081 (with sleep.mar, scarce.mar and broken.mar in the model store)
"""

import http.client
import json
import sys
import time


def call(method, path, headers=()):
    connection, began = http.client.HTTPConnection(sys.argv[1], timeout=60), time.monotonic()
    connection.request(method, path, headers=dict(headers))
    answer = connection.getresponse()
    text = " ".join(answer.read().decode().split())
    if method == "GET" and answer.status == 200:
        (state,) = json.loads(text)
        text = (
            f"minWorkers {state['minWorkers']}, workers {[worker['status'] for worker in state['workers']]}"
        )
    print(f"{method} {path}: {answer.status} {text[:160]} after {time.monotonic() - began:.2f} s")


REGISTER = "/models?url={}.mar&model_name={}&initial_workers={}&synchronous=true"
for package, model, first in (("scarce", "up", 1), ("sleep", "below", 2)):
    call("POST", REGISTER.format(package, model, first))
    workers = {"up": 3, "below": -1}[model]
    call("PUT", f"/models/{model}?min_worker={workers}&max_worker={workers}&synchronous=true")
    call("GET", f"/models/{model}")
    call("DELETE", f"/models/{model}")
for package, model, first in (("broken", "one", 1), ("scarce", "three", 3)):
    call("POST", REGISTER.format(package, model, first))
    call("POST", REGISTER.format("sleep", model, 1))
    call("GET", f"/models/{model}")
    call("DELETE", f"/models/{model}")
call("POST", "/models", {"Content-Type": "application/json"}.items())
