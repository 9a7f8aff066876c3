"""Loads in two workers of a model at a time; a third one fails, in the way that the model's name begins with.

``exit-…``: the process ends; ``memory-…``: it takes all memory it gets, up to a GiB; any other: ``model_fn`` raises.
A worker that serves sleeps ``sleep_ms`` milliseconds, then answers with the other fields.

Who is first is settled by abstract socket addresses, which the kernel gives back when a worker ends. Linux only.
"""

from __future__ import annotations

import json
import os
import socket
import time

SEATS = 2
BEFORE_SECONDS = 0.2  # so that the others do start, and there is something to take back
MOST = 1 << 30


def model_fn(model_dir, context):
    for seat in range(SEATS):
        place = socket.socket(socket.AF_UNIX)
        try:
            place.bind(f"\0chaos-scarce/{context.model_name}/{seat}")
            return place
        except OSError:
            place.close()
    time.sleep(BEFORE_SECONDS)
    if context.model_name.startswith("exit-"):
        os._exit(7)
    if context.model_name.startswith("memory-"):
        block = b"1" * MOST
        raise MemoryError(f"{len(block) >> 20} MiB are not enough")
    raise RuntimeError(f"{SEATS} workers have all there is")


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, place):
    milliseconds = float(data.get("sleep_ms", 0))
    time.sleep(milliseconds / 1000)
    return {**data, "slept_ms": milliseconds}
