"""F: a bystander before, while more is asked for than the node can bear, and after; and the workers that lived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.reporting.matrix.plots.base import (
    Picture,
    Plot,
    figure,
    label,
    level,
    line,
    log_axis,
    over_time,
    points,
    shade,
)

__all__ = ["draw"]


def draw(data: Mapping[str, Any]) -> list[Picture]:
    """From what :class:`chaos.properties.preservation.Preservation` shows."""
    found = [_bystander(data)]
    return [*found, _workers(data)] if data["processes"]["at"] else found


def _bystander(data: Mapping[str, Any]) -> Picture:
    over = data["over_time"]
    traces = over_time(over["at"], over["seconds"], over["ok"])
    asked = [
        points(
            [one["start"] for one in data["asked"]],
            [1.0] * len(data["asked"]),
            "asked for",
            "--limit",
            size=9.0,
            symbol="triangle-down",
            yaxis="y2",
            hovertext=[
                f"{one['operation']}, {one['workers']} workers: {one['status'] or 'no answer'}"
                for one in data["asked"]
            ],
            hoverinfo="text+x",
        )
    ]
    windows = data["windows"]
    names = [
        label(
            window["phase"],
            xref="x",
            yref="paper",
            x=(window["start"] + window["end"]) / 2,
            y=1,
            yanchor="bottom",
        )
        for window in windows
    ]
    return Plot(
        "The bystander",
        "Every request to a model that nobody touched, at the instant it was due. In the shaded span more was asked "
        "for than the node can bear, each time where a triangle stands.",
        figure(
            [*traces, *asked],
            "seconds since the cell began",
            "latency (ms)",
            shapes=[
                shade(window["start"], window["end"]) for window in windows if window["phase"] == "fault"
            ],
            annotations=names,
            yaxis=log_axis(1e3 * value for value in over["seconds"]),
            yaxis2={"overlaying": "y", "visible": False, "range": [0, 1.04], "fixedrange": True},
            margin={"l": 76, "r": 12, "t": 28, "b": 48},
        ),
    )


def _workers(data: Mapping[str, Any]) -> Picture:
    counted = data["processes"]
    bearable = data["bearable"]
    return Plot(
        "Workers that lived",
        "Counted from the processes, of all models together."
        + (" The dashed line is how many there may be." if bearable is not None else ""),
        figure(
            [
                line(
                    counted["at"], counted["count"], "workers", "--p50",
                    shape="hv", hovertemplate="%{x:.1f} s: %{y}<extra></extra>",
                )
            ],
            "seconds since the cell began",
            "worker processes",
            shapes=[level(bearable)] if bearable is not None else [],
            yaxis={"rangemode": "tozero"},
        ),
        "lane",
    )  # fmt: skip
