"""Dot and whisker against the limit: where in a small drawing an estimate, its interval and the limit stand.

The phases of one objective share one scale, so that they can be compared at a glance; it is logarithmic
where the values span more than a decade.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from chaos.sla.results import ObjectiveResult

__all__ = ["Whisker", "whiskers"]

MARGIN = 0.08
"""Free share of the width at either side."""


@dataclass(frozen=True, slots=True)
class Whisker:
    """Positions in per cent of the drawing's width, left to right."""

    low: float
    estimate: float
    high: float
    limit: float
    upper: bool


def whiskers(results: Iterable[ObjectiveResult]) -> dict[str, Whisker]:
    """Phase → drawing, of the phases in which something was measured."""
    found: dict[str, tuple[ObjectiveResult, list[float]]] = {}
    for result in results:
        bounds = (result.low, result.estimate, result.high)
        values = [value for value in bounds if value is not None and math.isfinite(value)]
        if len(values) == len(bounds):
            found[result.phase] = (result, values)
    everything = [value for result, values in found.values() for value in (*values, result.limit)]
    if not everything:
        return {}
    decades = min(everything) > 0 and max(everything) / min(everything) > 10
    scaled = [math.log(value) if decades else value for value in everything]
    start, width = min(scaled), max(scaled) - min(scaled)

    def place(value: float) -> float:
        share = ((math.log(value) if decades else value) - start) / width if width > 0 else 0.5
        return round(100 * (MARGIN + share * (1 - 2 * MARGIN)), 2)

    return {
        phase: Whisker(place(low), place(estimate), place(high), place(result.limit), result.upper)
        for phase, (result, (low, estimate, high)) in found.items()
    }
