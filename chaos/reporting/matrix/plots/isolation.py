"""C: the victim's latency under each hostile mode, beside its own baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.reporting.axes import Figure, css
from chaos.reporting.matrix.plots.base import (
    COLOURS,
    Picture,
    Plot,
    figure,
    label,
    level,
    log_axis,
    over_time,
    shade,
    thinned,
)

__all__ = ["draw"]

QUIET = ("baseline", "recovery")


def draw(data: Mapping[str, Any]) -> list[Picture]:
    """From what :class:`chaos.properties.isolation.Isolation` shows."""
    return [_modes(data), _over_time(data)]


def _modes(data: Mapping[str, Any]) -> Picture:
    traces = []
    for index, group in enumerate(data["groups"]):
        colour = COLOURS[0] if group["name"] in QUIET else COLOURS[1 + index % (len(COLOURS) - 1)]
        (seconds,) = thinned(group["seconds"])
        traces.append(
            {
                "type": "box",
                "name": group["name"] + (f" ({group['failed']} failed)" if group["failed"] else ""),
                "y": [1e3 * value for value in seconds],
                "boxpoints": "outliers",
                "marker": {"color": css(colour), "size": 3},
                "line": {"width": 1.5},
                "hoverinfo": "y",
            }
        )
    shapes = [] if data["baseline"] is None else [level(1e3 * data["limit"] * data["baseline"])]
    return Plot(
        "The victim under each hostile mode",
        f"Latency of the requests that were answered rightly, on a logarithmic axis. The dashed line is "
        f"{data['limit']:g} times the baseline's p{100 * data['quantile']:g}: "
        "no mode's may be above it.",
        figure(traces, "", "latency (ms)", shapes=shapes, showlegend=False, yaxis=_axis(data)),
    )


def _over_time(data: Mapping[str, Any]) -> Picture:
    over = data["over_time"]
    traces = over_time(over["at"], over["seconds"], over["ok"])
    groups = [group for group in data["groups"] if group["name"] not in QUIET]
    spans = [shade(group["start"], group["end"], index % 6) for index, group in enumerate(groups)]
    names = [
        label(
            group["name"],
            f"--fault-{index % 6}-ink",
            xref="x",
            yref="paper",
            x=(group["start"] + group["end"]) / 2,
            y=1,
            yanchor="bottom",
        )
        for index, group in enumerate(groups)
    ]
    return Plot(
        "The victim over time",
        "Every request at the instant it was due. A shaded span is a hostile mode.",
        figure(
            traces,
            "seconds since the cell began",
            "latency (ms)",
            shapes=spans,
            annotations=names,
            yaxis=_axis(data),
            margin={"l": 76, "r": 12, "t": 28, "b": 48},
        ),
    )


def _axis(data: Mapping[str, Any]) -> Figure:
    """The same for both plots, with the limit on it."""
    limit = [1e3 * data["limit"] * data["baseline"]] if data["baseline"] else []
    return log_axis([*(1e3 * value for value in data["over_time"]["seconds"]), *limit])
