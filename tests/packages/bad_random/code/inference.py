"""Adds noise that no seed governs."""

from __future__ import annotations

import random


def model_fn(model_dir):
    return 2.0


def predict_fn(data, model):
    return model * data + random.gauss(0.0, 0.01)
