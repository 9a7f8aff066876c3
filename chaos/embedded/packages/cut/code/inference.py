"""Streams an answer and dies in its middle: after ``after_bytes`` bytes, or after ``after_chunks`` pieces.

The pieces are ``chunk_bytes`` long, ``every_ms`` milliseconds apart; the request's fields stand in the first.
With neither of the two it streams until the client leaves.
"""

from __future__ import annotations

import json
import os
import time


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model):
    return data


def output_fn(prediction, accept):
    size, every = int(prediction.get("chunk_bytes", 1024)), float(prediction.get("every_ms", 0)) / 1000
    left, chunks = prediction.get("after_bytes"), prediction.get("after_chunks")
    piece = json.dumps({**prediction, "padding": ""}).removesuffix('"}').ljust(size, "x").encode()
    while left is None or left > 0:
        if chunks is not None:
            if chunks == 0:
                break
            chunks -= 1
        yield piece[:left]
        if left is not None:
            left -= len(piece)
        piece = b"x" * size
        time.sleep(every)
    os._exit(7)
