"""TorchServe: inferences in flight, and those that wait, when their model is unregistered or scaled down.

python torchserve_in_flight.py 127.0.0.1:8080 127.0.0.1:8081 (with sleep.mar in the model store)
"""

import http.client
import sys
import threading
import time

INFERENCE, MANAGEMENT = sys.argv[1:3]


def call(address, method, path, body=None):
    connection, began = http.client.HTTPConnection(address, timeout=10), time.monotonic()
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        said = f"{answer.status} {' '.join(answer.read().decode().split())[:90]}"
    except OSError as error:
        said = repr(error)
    print(f"{method} {path.split('&synch')[0]}: {said} after {time.monotonic() - began:.2f} s\n", end="")


scaling = "/models/m?min_worker=0&max_worker=0&synchronous=true"
for verb, path in (("DELETE", "/models/m"), ("PUT", scaling), *[("PUT", scaling.replace("0", "2"))] * 3):
    call(MANAGEMENT, "POST", "/models?url=sleep.mar&model_name=m&initial_workers=3&synchronous=true")
    ask = (INFERENCE, "POST", "/predictions/m", b'{"sleep_ms": 1000}')
    asking = [threading.Thread(target=call, args=ask) for _ in range(8)]
    for thread in asking:
        thread.start()
    time.sleep(0.4)
    call(MANAGEMENT, verb, path)
    for thread in asking:
        thread.join()
    call(MANAGEMENT, "DELETE", "/models/m")
