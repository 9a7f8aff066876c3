"""Spends ``burn_ms`` milliseconds of this process's CPU time, then answers with the other fields."""

from __future__ import annotations

import json
import time


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model):
    start = time.process_time()
    end = start + float(data.get("burn_ms", 0)) / 1000
    while time.process_time() < end:
        pass
    return {**data, "burned_ms": (time.process_time() - start) * 1000}
