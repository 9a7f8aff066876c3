"""TorchServe: a model's latency while another one is given more workers than the node can bear.

python torchserve_no_limit.py 127.0.0.1:8080 127.0.0.1:8081 64 (workers; with sleep.mar in the model store)
"""

import http.client
import statistics
import sys
import threading
import time

INFERENCE, MANAGEMENT, WORKERS = sys.argv[1:4]


def call(address, method, path, body=None):
    connection, began = http.client.HTTPConnection(address, timeout=120), time.monotonic()
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    answer.read()
    return time.monotonic() - began, answer.status


def bystander(done):
    times = []
    while not done.is_set():
        times.append(call(INFERENCE, "POST", "/predictions/calm", b'{"sleep_ms": 20}')[0])
    print(f"calm: {len(times)} answers, median {statistics.median(times):.3f} s, longest {max(times):.3f} s")


register = "/models?url=sleep.mar&model_name={}&initial_workers={}&synchronous=true"
call(MANAGEMENT, "POST", register.format("calm", 1))
for workers in (0, WORKERS):
    print(f"beside {workers} workers more")
    done = threading.Event()
    thread = threading.Thread(target=bystander, args=(done,))
    thread.start()
    if workers:
        print("answered (s, status):", call(MANAGEMENT, "POST", register.format("many", workers)))
    else:
        time.sleep(5)
    done.set()
    thread.join()
for model in ("calm", "many"):
    call(MANAGEMENT, "DELETE", f"/models/{model}")
