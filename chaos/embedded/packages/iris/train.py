"""Trains the iris model and writes ``model.json`` beside this file: ``python train.py``. Needs scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression


def train():
    """The model as the document that ``code/inference.py`` reads."""
    data = load_iris()
    model = LogisticRegression(max_iter=1000, tol=1e-8).fit(data.data, data.target)
    return {
        "classes": [str(name) for name in data.target_names],
        "coefficients": model.coef_.round(9).tolist(),
        "intercepts": model.intercept_.round(9).tolist(),
    }


if __name__ == "__main__":
    path = Path(__file__).with_name("model.json")
    path.write_text(json.dumps(train(), indent=1) + "\n")
    print(f"wrote {path}")
