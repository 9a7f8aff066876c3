"""What the handler's process held in memory from call to call, with the line of its slope and the interval of that."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import median

from chaos.offline.results import CheckResult, InferenceTestResult, MemoryPoint
from chaos.reporting.axes import Figure
from chaos.reporting.handler.words import amount
from chaos.reporting.matrix.plots.base import figure, label, line, ribbon, thinned

__all__ = ["MEMORY", "memory_figure", "slope_of"]

MEMORY = "memory"
"""The check that the slope is of, and the phase of the calls that it was measured over."""

MEBI = 2.0**20
WARMUP = 0.25
"""Of these calls: a slope is over those after it."""
LEAST_SHARE, LEAST_SPAN = 0.1, 4.0
"""An axis shows at least so much of the level, and so many MiB: noise is not to look like growth."""


def slope_of(result: InferenceTestResult) -> CheckResult | None:
    """The check of the slope, if there is one with an estimate."""
    return next(
        (check for check in result.checks if check.name == MEMORY and check.estimate is not None), None
    )


def memory_figure(points: Sequence[MemoryPoint], slope: CheckResult | None) -> Figure:
    """Memory over calls.

    :param slope: in bytes a call, over the calls of the last phase but for the first quarter of them
    """
    calls, held, phases = thinned(
        [each.calls for each in points],
        [round(each.resident / MEBI, 3) for each in points],
        [each.phase for each in points],
    )
    hover = "%{y:.1f} MiB after %{x} calls<extra></extra>"
    traces = [
        line(
            calls,
            held,
            "resident memory",
            "--p50",
            mode="lines+markers",
            marker={"size": 4},
            hovertemplate=hover,
        )
    ]
    last = [(x, y) for x, y, phase in zip(calls, held, phases, strict=True) if phase == phases[-1]]
    last = last[int(WARMUP * len(last)) :]
    if slope is not None and slope.estimate is not None and len(last) > 1:
        interval, estimate = _slope(last, slope)
        traces = [interval, *traces, estimate]
    shown = [*held, *(y for trace in traces for y in trace["y"])]
    low, high = min(shown), max(shown)
    room = max(high - low, LEAST_SPAN, LEAST_SHARE * high)
    middle = (low + high) / 2
    return figure(
        traces,
        "calls",
        "MiB",
        xaxis={"rangemode": "tozero"},
        yaxis={"range": [round(max(middle - 0.6 * room, 0), 2), round(middle + 0.6 * room, 2)]},
        annotations=_phases(calls, phases),
        margin={"l": 76, "r": 16, "t": 28, "b": 48},
    )


def _slope(last: Sequence[tuple[int, float]], slope: CheckResult) -> tuple[Figure, Figure]:
    """What lies between the lines of the interval's ends, and the line through the middle of the points."""
    at, level = median(x for x, _ in last), median(y for _, y in last)
    ends = [last[0][0], last[-1][0]]

    def reach(each: float) -> list[float]:
        return [round(level + each / MEBI * (x - at), 3) for x in ends]

    estimate = slope.estimate or 0.0
    low, high = (estimate if bound is None else bound for bound in (slope.low, slope.high))
    told = f"slope: {amount(slope.estimate, slope.unit)}"
    # The lines of an interval's ends cross in the middle.
    below = [min(pair) for pair in zip(reach(low), reach(high), strict=True)]
    above = [max(pair) for pair in zip(reach(low), reach(high), strict=True)]
    x = [ends[0], at, ends[1]]
    return (
        ribbon(x, [below[0], level, below[1]], [above[0], level, above[1]], "95 % interval of the slope"),
        line(ends, reach(estimate), told, "--limit", width=3.0, dash="dash", hoverinfo="skip"),
    )


def _phases(calls: Sequence[int], phases: Sequence[str]) -> list[Figure]:
    """The name of each phase above its calls, if there are several."""
    spans = [
        (name, [calls[number] for number, _ in group])
        for name, group in groupby(enumerate(phases), key=lambda each: each[1])
    ]
    if len(spans) < 2:
        return []
    return [
        label(name, x=(at[0] + at[-1]) / 2, xref="x", y=1.0, yref="paper", yanchor="bottom")
        for name, at in spans
        if name and at[-1] - at[0] >= 0.08 * max(calls[-1], 1)
    ]
