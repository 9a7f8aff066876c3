"""Its predict_fn takes the data only, and is called with the model as well."""

from __future__ import annotations


def model_fn(model_dir):
    return 2.0


def predict_fn(data):
    return data
