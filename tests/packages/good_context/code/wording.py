"""What the handler says."""

from __future__ import annotations

seen = []


def sentence(prediction):
    steps = ", ".join(prediction["steps"])
    return f"{prediction['value']} as {prediction['given']} ({prediction['stated']}); {steps}; {prediction['same']}"
