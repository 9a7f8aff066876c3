"""Scores of a linear model in pure Python: JSON or CSV in, JSON or CSV out, and a status for what it does not know."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

try:
    from sagemaker_inference.errors import BaseInferenceToolkitError
except ImportError:  # where the toolkit is not installed, what counts is what such an error has

    class BaseInferenceToolkitError(Exception):
        def __init__(self, status_code, message, phrase):
            self.status_code, self.message, self.phrase = status_code, message, phrase
            super().__init__(status_code, message, phrase)


def model_fn(model_dir):
    return json.loads((Path(model_dir) / "model.json").read_text())


def input_fn(data, content_type):
    if content_type == "application/json":
        return [[float(cell) for cell in row] for row in json.loads(data)["rows"]]
    if content_type == "text/csv":
        return [[float(cell) for cell in row] for row in csv.reader(io.StringIO(data)) if row]
    raise BaseInferenceToolkitError(
        415, f"content type {content_type} is not known here", "Unsupported Media Type"
    )


def predict_fn(data, model):
    weights = model["weights"]
    for row in data:
        if len(row) != len(weights):
            raise BaseInferenceToolkitError(
                400, f"a row has {len(row)} cells, not {len(weights)}", "Bad Request"
            )
    return [sum(w * x for w, x in zip(weights, row, strict=True)) + model["intercept"] for row in data]


def output_fn(prediction, accept):
    if accept == "application/json":
        return json.dumps({"scores": prediction})
    if accept == "text/csv":
        return "".join(f"{score}\n" for score in prediction), "text/csv"
    raise BaseInferenceToolkitError(406, f"cannot answer as {accept}", "Not Acceptable")
