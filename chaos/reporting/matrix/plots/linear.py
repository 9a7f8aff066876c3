"""D: the time that so many workers take, with the line through it and what linear would be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.reporting.matrix.plots.base import Picture, Plot, figure, line, points

__all__ = ["draw"]


def draw(data: Mapping[str, Any]) -> list[Picture]:
    """From what :class:`chaos.properties.linear.Linear` shows: a regression for each kind of operation."""
    return [_regression(one) for one in data["operations"].values() if one["points"]]


def _regression(one: Mapping[str, Any]) -> Picture:
    sizes = sorted({size for size, _ in one["points"]})
    fitted = [1e3 * (one["line"]["intercept"] + one["line"]["slope"] * size) for size in sizes]
    traces = [
        points(
            [size for size, _ in one["points"]],
            [1e3 * seconds for _, seconds in one["points"]],
            "one operation",
            "--ok",
            hovertemplate="%{x} workers: %{y:.1f} ms<extra></extra>",
        ),
        points(
            [size for size, _ in one["quartiles"]],
            [1e3 * seconds for _, seconds in one["quartiles"]],
            "lower quartile",
            "--p99",
            size=9.0,
            symbol="diamond",
            hovertemplate="%{x} workers, lower quartile: %{y:.1f} ms<extra></extra>",
        ),
        line(sizes, fitted, "fit", "--p50"),
    ]
    told = ""
    if one["one"] is not None:
        linear = [1e3 * one["one"] * size for size in sizes]
        traces.append(line(sizes, linear, "so many times the time of one", "--limit", width=1.5, dash="dash"))
        told = " The dashed line is as many times the time of one: below it is better than linear."
    return Plot(
        one["words"],
        f"How long it took for so many workers; {1e3 * one['line']['slope']:.3g} ms a worker by the fit.{told}",
        figure(
            traces,
            "workers",
            "milliseconds",
            xaxis={"tickvals": sizes},
            yaxis={"rangemode": "tozero"},
        ),
    )
