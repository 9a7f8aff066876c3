"""Scores that are made probabilities by the steps in ``calibration``, which were fitted after the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def model_fn(model_dir):
    root = Path(model_dir)
    steps = json.loads((root / "calibration" / "steps.json").read_text())
    return {
        "weights": np.array(json.loads((root / "model.json").read_text())["weights"]),
        "scores": np.array(steps["scores"]),
        "probabilities": np.array(steps["probabilities"]),
    }


def predict_fn(data, model):
    scores = np.atleast_2d(data) @ model["weights"]
    return {
        "score": scores,
        "probability": np.interp(scores, model["scores"], model["probabilities"]),
    }
