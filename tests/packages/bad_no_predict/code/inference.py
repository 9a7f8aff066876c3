"""Has no predict_fn, and its model cannot be called either: nothing could answer."""

from __future__ import annotations


def model_fn(model_dir):
    return {"weight": 2.0}


def input_fn(data, content_type):
    return data
