"""Never returns, unless ``hang`` is false: then answers with what it was asked."""

from __future__ import annotations

import json
import time


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model):
    while data.get("hang", True):
        time.sleep(3600)
    return data
