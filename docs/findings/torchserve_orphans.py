"""TorchServe: worker processes that are left of models whose registration failed, and which are gone.

python torchserve_orphans.py 127.0.0.1:8081 (on the server's machine; with scarce.mar in the model store)
"""

import http.client
import json
import subprocess
import sys
import time


def call(method, path):
    connection = http.client.HTTPConnection(sys.argv[1], timeout=60)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def workers():
    found = subprocess.run(["pgrep", "-f", "ts/model_service_worker.py"], capture_output=True, text=True)
    return len(found.stdout.split())


print("worker processes at first:", workers())
for number in range(6):
    register = f"/models?url=scarce.mar&model_name=three-{number}&initial_workers=3&synchronous=true"
    print("register:", call("POST", register)[0], end=", ")
    print("unregister:", call("DELETE", f"/models/three-{number}")[0], end=", ")
    time.sleep(3)
    models = json.loads(call("GET", "/models")[1])["models"]
    print(f"3 s later: {len(models)} models, {workers()} worker processes")
