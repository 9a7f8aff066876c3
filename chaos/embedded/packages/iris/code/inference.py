"""A small real model: multinomial logistic regression on Fisher's iris data, with numpy only.

``train.py`` in this package made the coefficients in ``model.json``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def model_fn(model_dir):
    document = json.loads((Path(model_dir) / "model.json").read_text())
    return {
        "classes": document["classes"],
        "coefficients": np.array(document["coefficients"]),
        "intercepts": np.array(document["intercepts"]),
    }


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model):
    rows = np.array(data["instances"], dtype=np.float64).reshape(-1, model["coefficients"].shape[1])
    scores = rows @ model["coefficients"].T + model["intercepts"]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    rest = {key: value for key, value in data.items() if key != "instances"}
    return {
        **rest,
        "predictions": probabilities.argmax(axis=1).tolist(),
        "classes": [model["classes"][index] for index in probabilities.argmax(axis=1)],
        "probabilities": probabilities.tolist(),
    }
