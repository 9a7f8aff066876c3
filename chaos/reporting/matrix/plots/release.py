"""G: a staircase for each resource: before a registration, while it serves, after it was taken back, cycle by cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.reporting.matrix.plots.base import Picture, Plot, figure, line, points, shade

__all__ = ["draw"]

MIB = 2.0**20
BYTES = ("memory", "rss", "pss")
NAMES = {
    "fds": "descriptors",
    "memory": "memory (PSS, or RSS)",
    "rss": "memory (RSS)",
    "pss": "memory (PSS)",
    "shm": "shared memory",
}
PLACE = {"before": 0.0, "serving": 1.0, "after": 2.0}
STEPS = 3
"""A cycle."""


def draw(data: Mapping[str, Any]) -> list[Picture]:
    """From what :class:`chaos.properties.release.Release` shows; what could not be read, and what never was, is left
    out."""
    return [
        _staircase(data, name, values)
        for name, values in data["resources"].items()
        if any(value for value in values if value is not None)
    ]


def _staircase(data: Mapping[str, Any], name: str, values: list[float | None]) -> Picture:
    scale = MIB if name in BYTES else 1.0
    unit = "MiB" if name in BYTES else NAMES.get(name, name)
    at = [STEPS * cycle + PLACE.get(moment, 0.0) for cycle, moment in data["moments"]]
    scaled = [None if value is None else value / scale for value in values]
    moments = [moment for _cycle, moment in data["moments"]]
    hover = [f"cycle {cycle}, {moment}" for cycle, moment in data["moments"]]
    said = f"%{{customdata}}: %{{y:.5~g}} {unit}<extra></extra>"
    after = [index for index, moment in enumerate(moments) if moment == "after"]
    traces = [
        line(
            at, scaled, "over the cycle", "--noise",
            width=1.5, shape="hvh", customdata=hover, hovertemplate=said,
        ),
        points(
            [at[index] for index in after], [scaled[index] for index in after], "after", "--ok",
            customdata=[hover[index] for index in after], hovertemplate=said,
        ),
    ]  # fmt: skip
    slope = data["slopes"].get(name)
    told = ""
    if slope is not None and after:
        cycles = [data["moments"][index][0] for index in after]
        ends = [min(max(data["warmup"], cycles[0]), cycles[-1]), cycles[-1]]
        fitted = [(slope["intercept"] + slope["slope"] * cycle) / scale for cycle in ends]
        traces.append(
            line([STEPS * cycle + PLACE["after"] for cycle in ends], fitted, "kept per cycle", "--limit")
        )
        told = (
            f" A cycle keeps {slope['slope'] / scale:+.3g} {unit} "
            f"({slope['low'] / scale:+.3g} to {slope['high'] / scale:+.3g})."
        )
    cycles = sorted({cycle for cycle, _moment in data["moments"]})
    serving = [shade(STEPS * cycle + 0.5, STEPS * cycle + 1.5, 5) for cycle in cycles]
    return Plot(
        NAMES.get(name, name),
        f"Shaded while it serves; the points are what is left after each cycle.{told}",
        figure(
            traces,
            "cycle",
            unit,
            shapes=serving,
            showlegend=False,
            xaxis={
                "tickvals": [STEPS * cycle + 1 for cycle in cycles],
                "ticktext": [str(cycle) for cycle in cycles],
            },
            margin={"l": 72, "r": 8, "t": 8, "b": 44},
        ),
        "small",
    )
