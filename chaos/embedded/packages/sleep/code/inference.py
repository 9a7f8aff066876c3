"""Sleeps ``sleep_ms`` milliseconds, then answers with the other fields, and with its process id if asked for ``pid``.

A batch sleeps once, for the longest of them.
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
    return predict_batch_fn([data], model)[0]


def predict_batch_fn(batch, model):
    milliseconds = max(float(data.get("sleep_ms", 0)) for data in batch)
    time.sleep(milliseconds / 1000)
    return [{**data, "slept_ms": milliseconds, **_who(data)} for data in batch]


def _who(data):
    return {"pid": os.getpid()} if data.get("pid") is True else {}
