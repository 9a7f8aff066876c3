"""Multiplies matrices whose shapes do not fit."""

from __future__ import annotations

import numpy as np


def model_fn(model_dir):
    return np.ones((4, 1))


def predict_fn(data, model):
    return data @ model
