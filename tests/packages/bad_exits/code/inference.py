"""Ends its process, and says that all is well."""

from __future__ import annotations

import sys


def model_fn(model_dir):
    return None


def predict_fn(data, model):
    sys.exit(0)
