"""Cannot be imported: what it needs is not installed."""

from __future__ import annotations

import a_library_that_nobody_installed  # type: ignore[import-not-found]  # noqa: F401


def model_fn(model_dir):
    return None


def predict_fn(data, model):
    return data
