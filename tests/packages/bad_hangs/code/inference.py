"""Waits for a lock that it holds itself."""

from __future__ import annotations

import threading


def model_fn(model_dir):
    return threading.Lock()


def predict_fn(data, model):
    with model, model:
        return data
