"""Needs a library that is not installed, and would only say so when very much is asked of it."""

from __future__ import annotations


def model_fn(model_dir):
    return 2.0


def predict_fn(data, model):
    if len(data) > 1000:
        import no_such_library

        return no_such_library.predict_many(data)
    return model * data
