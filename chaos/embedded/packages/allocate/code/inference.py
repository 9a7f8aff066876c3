"""Takes ``mebibytes`` of memory, touches every page, gives it back, and answers with the other fields."""

from __future__ import annotations

import json

PAGE = 4096


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model):
    mebibytes = int(data.get("mebibytes", 0))
    block = bytearray(mebibytes << 20)
    for place in range(0, len(block), PAGE):
        block[place] = 1
    return {**data, "allocated": len(block)}
