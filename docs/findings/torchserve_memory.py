"""TorchServe: the memory of its Java process, minute by minute: under a steady load of about a hundred requests a
second, and with a model that comes and goes twice a second as well.

python torchserve_memory.py 127.0.0.1:8080 127.0.0.1:8081 10 (minutes of each; on the server's machine, with sleep.mar)
"""

import http.client
import subprocess
import sys
import time

INFERENCE, MANAGEMENT, MINUTES = sys.argv[1:4]


def call(address, method, path, body=None):
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    return connection.getresponse().read()


def resident():
    pid = subprocess.run(["pgrep", "-nf", "org.pytorch.serve.ModelServer"], capture_output=True, text=True)
    with open(f"/proc/{pid.stdout.strip()}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


REGISTER = "/models?url=sleep.mar&model_name={}&initial_workers=1&synchronous=true"
call(MANAGEMENT, "POST", REGISTER.format("m"))
for going in (False, True):
    began, sent, shown = time.monotonic(), 0, []
    while len(shown) <= int(MINUTES):
        if time.monotonic() - began >= 60 * len(shown):
            shown.append(resident())
            print(f"{len(shown) - 1} min, a model comes and goes: {going}: {shown[-1]} MiB", flush=True)
        if going and sent % 50 == 0:
            call(MANAGEMENT, "POST", REGISTER.format("other"))
            call(MANAGEMENT, "DELETE", "/models/other")
        time.sleep(max(0.0, began + sent / 100 - time.monotonic()))
        call(INFERENCE, "POST", "/predictions/m", b'{"sleep_ms": 1}')
        call(INFERENCE, "GET", "/ping")
        sent += 2
call(MANAGEMENT, "DELETE", "/models/m")
