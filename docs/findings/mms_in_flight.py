"""multi-model-server: inferences in flight, and those that wait, when their model is scaled down or unregistered; and a
model that is scaled to zero and up again.

python mms_in_flight.py 127.0.0.1:8080 127.0.0.1:8081 (on this machine, with model_store=/)
"""

import http.client
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

INFERENCE, MANAGEMENT = sys.argv[1:3]
SERVICE = """import time

class Service:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        time.sleep(1)
        return [b"answered"] * len(data)
"""


def call(address, method, path, body=None):
    connection, began = http.client.HTTPConnection(address, timeout=10), time.monotonic()
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = " ".join(answer.read().decode().split())
        if method == "GET":
            state = json.loads(text)
            text = (
                f"minWorkers {state['minWorkers']}, workers {[each['status'] for each in state['workers']]}"
            )
        said = f"{answer.status} {text[:90]}"
    except OSError as error:
        said = repr(error)
    print(
        f"{method} {path.partition('&synch')[0][:40]}: {said} after {time.monotonic() - began:.2f} s\n",
        end="",
    )


def scaling(workers):
    return f"/models/m?min_worker={workers}&max_worker={workers}&synchronous=true"


def register(directory):
    asked = f"model_name=m&url={directory}&handler=service.py&initial_workers=3&synchronous=true"
    call(MANAGEMENT, "POST", f"/models?{asked}")


with tempfile.TemporaryDirectory() as directory:
    (Path(directory) / "service.py").write_text(SERVICE)
    for verb, path in (("PUT", scaling(1)), ("PUT", scaling(0)), ("DELETE", "/models/m")):
        register(directory)
        ask = (INFERENCE, "POST", "/models/m/invoke", b"1")
        asking = [threading.Thread(target=call, args=ask) for _ in range(8)]
        for thread in asking:
            thread.start()
        time.sleep(0.4)
        call(MANAGEMENT, verb, path)
        for thread in asking:
            thread.join()
        call(MANAGEMENT, "DELETE", "/models/m")
    print("to zero, and up again")
    register(directory)
    call(MANAGEMENT, "PUT", scaling(0))
    call(MANAGEMENT, "PUT", scaling(2))
    for _ in range(2):
        call(MANAGEMENT, "GET", "/models/m")
        call(INFERENCE, "POST", "/models/m/invoke", b"1")
    call(MANAGEMENT, "PUT", scaling(-1))
    call(MANAGEMENT, "GET", "/models/m")
    call(MANAGEMENT, "DELETE", "/models/m")
