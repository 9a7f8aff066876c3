"""How long each function took: the first call of a process apart from warm ones, and the plot of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from chaos.offline.results import InferenceTestResult
from chaos.reporting.axes import Figure, css, escaped
from chaos.reporting.matrix.plots.base import figure, log_axis, points, thinned
from chaos.reporting.words import span

__all__ = ["WHOLE", "Times", "times_figure", "times_of"]

WHOLE = "whole request"
ORDER = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")

ROW = 46
"""Pixels of a function's row."""
LEAST = 1e-7
"""Seconds: a clock that has not moved in between has no place on a logarithmic axis."""
SPREAD = 0.36
"""How far points are moved apart, as a share of the row."""
GOLDEN = 0.618034
"""Moves neighbours far apart, and is the same in each page."""
FEWEST_IN_A_BOX = 5


@dataclass(frozen=True, slots=True)
class Times:
    """Of one function, in seconds of wall time; ``median`` and ``p95`` are of warm calls, None if there were none."""

    function: str
    first: tuple[float, ...]
    warm: tuple[float, ...]

    @property
    def median(self) -> float | None:
        """Half of the warm calls took no longer."""
        return float(np.median(self.warm)) if self.warm else None

    @property
    def p95(self) -> float | None:
        """95 % of the warm calls took no longer."""
        return float(np.quantile(self.warm, 0.95)) if self.warm else None

    @property
    def slowest(self) -> float:
        """Of all calls."""
        return max(*self.first, *self.warm, 0.0)


def times_of(result: InferenceTestResult) -> list[Times]:
    """Of each function in the order in which they are called, and of whole requests; only what was answered counts."""
    first: dict[str, list[float]] = {}
    warm: dict[str, list[float]] = {}
    if result.model_fn_result is not None and result.model_fn_result.outcome == "ok":
        first["model_fn"] = [result.model_fn_result.seconds]
    for run in result.end_to_end_results:
        if run.outcome != "ok":
            continue
        into = first if run.first else warm
        for name, seconds in (*run.functions.items(), (WHOLE, run.seconds)):
            into.setdefault(name, []).append(seconds)
    names = sorted({*first, *warm}, key=_place)
    return [Times(name, tuple(first.get(name, ())), tuple(warm.get(name, ()))) for name in names]


def times_figure(times: Sequence[Times]) -> Figure:
    """A row for each: every warm call as a point, the middle half as a box, and the first call of each process."""
    everything = [max(value, LEAST) for each in times for value in (*each.first, *each.warm)]
    ticks = log_axis(everything)
    rows = list(range(len(times)))
    return figure(
        list(_traces(times)),
        "",
        "",
        xaxis={**ticks, "ticktext": [span(tick) for tick in ticks["tickvals"]], "showgrid": True},
        yaxis={
            "tickvals": rows,
            "ticktext": [escaped(each.function) for each in times],
            "range": [len(times) - 0.5, -0.5],
            "showgrid": False,
            "ticks": "",
        },
        height=ROW * len(times) + 100,
        margin={"l": 112, "r": 16, "t": 8, "b": 78},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "font": {"size": 12},
        },
        showlegend=True,
        boxmode="overlay",
    )


def _traces(times: Sequence[Times]) -> Iterator[Figure]:
    for row, each in enumerate(times):
        if len(each.warm) >= FEWEST_IN_A_BOX:
            yield {
                "type": "box",
                "orientation": "h",
                "x": _some(each.warm),
                "y": [row] * len(_some(each.warm)),
                "width": 0.62,
                # whiskers would reach the extremes else; these are among the points, and not marked twice
                "boxpoints": "outliers",
                "marker": {"opacity": 0},
                "line": {"color": css("--p50"), "width": 1.5},
                "fillcolor": css("--area"),
                "hoverinfo": "skip",
                "showlegend": False,
            }
    warm = [
        (value, row + SPREAD * ((number * GOLDEN) % 1 - 0.5), each.function)
        for row, each in enumerate(times)
        for number, value in enumerate(_some(each.warm))
    ]
    yield _marks(warm, "warm calls", "--ok", 5.0, "circle", 0.55)
    first = [
        (max(value, LEAST), row, each.function) for row, each in enumerate(times) for value in each.first
    ]
    yield _marks(first, "first call of a process", "--http5", 10.0, "diamond", 1.0)


def _marks(
    placed: Sequence[tuple[float, float, str]],
    name: str,
    colour: str,
    size: float,
    symbol: str,
    opacity: float,
) -> Figure:
    return points(
        [value for value, _, _ in placed],
        [row for _, row, _ in placed],
        name,
        colour,
        size=size,
        symbol=symbol,
        customdata=[f"{escaped(function)}: {span(value)}" for value, _, function in placed],
        hovertemplate=f"%{{customdata}} ({name})<extra></extra>",
    ) | {"opacity": opacity}


def _some(values: Sequence[float]) -> list[float]:
    (found,) = thinned([max(value, LEAST) for value in values])
    return found


def _place(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER) + (name == WHOLE), name)
