"""TorchServe: what /ping answers while a model is registered and unregistered, again and again.

python torchserve_ping.py 127.0.0.1:8080 127.0.0.1:8081 (with sleep.mar in the model store)
"""

import collections
import http.client
import sys
import threading

INFERENCE, MANAGEMENT = sys.argv[1:3]


def call(address, method, path, body=None):
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, " ".join(answer.read().decode().split())[:90]
    except OSError:
        return "no answer in 5 s"


def ping():
    while not done.is_set():
        said[call(INFERENCE, "GET", "/ping")] += 1


done, said = threading.Event(), collections.Counter()
threads = [threading.Thread(target=ping) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(100):
    call(MANAGEMENT, "POST", "/models?url=sleep.mar&model_name=m&initial_workers=1&synchronous=true")
    call(MANAGEMENT, "DELETE", "/models/m")
done.set()
for thread in threads:
    thread.join()
print(dict(said))
