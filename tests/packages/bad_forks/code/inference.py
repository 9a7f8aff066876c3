"""Forks without end; the children do not fork, so that nothing worse comes of it."""

from __future__ import annotations

import os
import time


def model_fn(model_dir):
    return 3600.0


def predict_fn(data, model):
    while True:
        if os.fork() == 0:
            time.sleep(model)
            os._exit(0)
