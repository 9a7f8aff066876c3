"""Sleeps ``sleep_ms`` milliseconds, then answers with the other fields."""

from __future__ import annotations

import time


def model_fn(model_dir):
    return None


def predict_fn(data, model):
    milliseconds = float(data.get("sleep_ms", 0))
    time.sleep(milliseconds / 1000)
    return {**data, "slept_ms": milliseconds}
