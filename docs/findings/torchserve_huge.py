"""TorchServe: how long another model's inferences take while one model answers large bodies.

python torchserve_huge.py 127.0.0.1:8080 127.0.0.1:8081 (with sleep.mar and huge.mar in the model store)
"""

import http.client
import json
import multiprocessing
import statistics
import sys
import time

JSON = {"Content-Type": "application/json"}


def call(address, method, path, body=None):
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request(method, path, json.dumps(body) if body else None, JSON if body else {})
    answer = connection.getresponse()
    return answer.status, len(answer.read())


def large(address, answered):
    """A client in a process of its own, so that reading what it gets does not hold up who measures."""
    while True:
        answered.put(call(address, "POST", "/predictions/large", {"mebibytes": 64}))


def victim(address, seconds):
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        status, _ = call(address, "POST", "/predictions/victim", {"sleep_ms": 15})
        taken.append(time.monotonic() - start if status == 200 else float("inf"))
        time.sleep(0.01)
    taken.sort()
    return f"median {statistics.median(taken):.4f} s, p90 {taken[len(taken) * 9 // 10]:.4f} s of {len(taken)}"


def main(inference, management):
    for name, package in (("victim", "sleep"), ("large", "huge")):
        asked = f"url={package}.mar&model_name={name}&initial_workers=2&synchronous=true"
        call(management, "POST", f"/models?{asked}")
    victim(inference, 2)
    print("alone:", victim(inference, 5))
    for clients in (1, 2, 8):
        answered = multiprocessing.SimpleQueue()
        others = [multiprocessing.Process(target=large, args=(inference, answered)) for _ in range(clients)]
        for other in others:
            other.start()
        time.sleep(1)
        print(f"beside {clients} clients of the model with large answers:", victim(inference, 5))
        for other in others:
            other.kill()
    for name in ("victim", "large"):
        call(management, "DELETE", f"/models/{name}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
