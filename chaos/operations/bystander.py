"""What a model that no step is about felt of a program: its requests, as events of the program's record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.traffic.histogram import SLOT_SECONDS, seconds_of
from chaos.traffic.spec import Outcome

__all__ = ["rows_of"]


def rows_of(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The requests that a frame tells of one stream (:mod:`chaos.traffic.spec`): ``start`` (as planned, to a tenth of a
    second), ``outcome`` (``ok`` or a failure in a word or two), ``seconds`` from then to its end, and ``n`` such."""
    return [
        {
            "start": slot * SLOT_SECONDS,
            "outcome": Outcome(outcome).label,
            "seconds": float(seconds_of(bucket)),
            "n": count,
        }
        for slot, outcome, bucket, count in entry["cells"]
    ]
