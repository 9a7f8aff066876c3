"""B: each series of a soak with its slope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.reporting.matrix.plots.base import Picture, Plot, figure, line, points, ribbon, thinned

__all__ = ["draw"]


def draw(data: Mapping[str, Any]) -> list[Picture]:
    """From what :class:`chaos.properties.drift.Drift` shows: a small plot for each series."""
    return [_series(series) for series in data["series"]]


def _series(series: Mapping[str, Any]) -> Picture:
    at, values = thinned(series["at"], series["values"])
    first, last = (at[0], at[-1]) if at else (0.0, 1.0)
    unit = series["unit"]

    def end(slope: float) -> float:
        return float(series["start"] + slope * (last - first))

    # both bounds start with the line, which is where the wedge of slopes begins
    wedge = ribbon(
        [first, last],
        [series["start"], end(series["low"])],
        [series["start"], end(series["high"])],
        "95 % interval of the slope",
    )
    per_hour = series["slope"] * 3600
    return Plot(
        series["name"],
        f"The line is the Theil-Sen slope, {per_hour:+.3g} {unit} an hour; the wedge is its 95 % interval.",
        figure(
            [
                wedge,
                points(
                    at, values, series["name"], "--ok", size=5.0,
                    hovertemplate=f"%{{x:.1f}} s: %{{y:.5~g}} {unit}<extra></extra>",
                ),
                line([first, last], [series["start"], end(series["slope"])], "slope", "--p99"),
            ],
            "seconds since the soak began",
            unit,
            showlegend=False,
            margin={"l": 72, "r": 8, "t": 8, "b": 44},
        ),
        "small",
    )  # fmt: skip
