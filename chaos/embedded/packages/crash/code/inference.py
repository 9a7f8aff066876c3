"""Ends its own process as ``how`` says: exit, sigkill, abort; or raises, or does nothing (none)."""

from __future__ import annotations

import json
import os
import signal


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model):
    how = data.get("how", "exit")
    if how == "exit":
        os._exit(7)
    if how == "sigkill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "abort":
        os.abort()
    if how != "none":
        raise ValueError(f"the handler was told to fail: {how}")
    return data
