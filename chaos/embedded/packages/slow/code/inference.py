"""Answers slowly, as a stream: nothing for ``first_ms``, then ``chunks`` pieces of ``chunk_bytes``, ``every_ms`` one.

Together the pieces are a JSON object: the request's fields, and padding after them. The first piece is longer
where they do not fit, and the last has two bytes more.
"""

from __future__ import annotations

import json
import time

TAIL = '"}'


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model):
    return data


def output_fn(prediction, accept):
    time.sleep(float(prediction.get("first_ms", 0)) / 1000)
    size, every = int(prediction.get("chunk_bytes", 64)), float(prediction.get("every_ms", 0)) / 1000
    yield json.dumps({**prediction, "padding": ""}).removesuffix(TAIL).ljust(size, "x")
    for _ in range(int(prediction.get("chunks", 10)) - 2):
        time.sleep(every)
        yield "x" * size
    time.sleep(every)
    yield "x" * size + TAIL
