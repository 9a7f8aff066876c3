"""E: the saturation curve: throughput and latency against the number of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaos.reporting.matrix.plots.base import Picture, Plot, bars, figure, level, line

__all__ = ["draw"]


def draw(data: Mapping[str, Any]) -> list[Picture]:
    """From what :class:`chaos.properties.concurrency.Concurrency` shows."""
    found = [_throughput(data), _latency(data)]
    return [*found, _waits(data)] if data["waits"] else found


def _axis(data: Mapping[str, Any]) -> dict[str, Any]:
    """Doublings are equal steps, and each number that was tried is a tick."""
    return {"type": "log", "tickvals": data["users"], "ticktext": [str(users) for users in data["users"]]}


def _throughput(data: Mapping[str, Any]) -> Picture:
    reached = data["throughput"]
    spread = {
        "type": "data",
        "symmetric": False,
        "array": [high - value for high, value in zip(data["high"], reached, strict=True)],
        "arrayminus": [value - low for low, value in zip(data["low"], reached, strict=True)],
        "thickness": 1.5,
        "width": 4,
    }
    capacity = data["capacity"]
    shapes = [level(capacity)] if capacity is not None else []
    # lines of a log axis stand at values, as shapes do
    shapes += [level(users, "--axis", dash="dot", vertical=True) for users in data["knee"]]
    told = " The dashed line is what the configuration can serve at most." if capacity is not None else ""
    curve = line(
        data["users"], reached, "throughput", "--p50",
        error_y=spread, hovertemplate="%{x} users: %{y:.4~g}/s<extra></extra>",
    ) | {"mode": "lines+markers"}  # fmt: skip
    top = 1.08 * max([*data["high"], *([capacity] if capacity is not None else [])], default=1.0)
    return Plot(
        "Saturation",
        f"Throughput that so many users reach, with its 95 % interval; it saturates between the dotted lines.{told}",
        figure(
            [curve], "users at once", "requests per second",
            shapes=shapes, xaxis=_axis(data), yaxis={"range": [0, top]},
        ),
    )  # fmt: skip


def _latency(data: Mapping[str, Any]) -> Picture:
    means = [1e3 * value for value in data["latency"]]
    littles = [
        1e3 * users / reached if reached else None
        for users, reached in zip(data["users"], data["throughput"], strict=True)
    ]
    return Plot(
        "Latency",
        "Mean latency, and what Little's law makes of users and throughput: both agree where nobody is forgotten.",
        figure(
            [
                line(data["users"], littles, "users / throughput", "--limit", width=1.5, dash="dash"),
                line(data["users"], means, "measured", "--p50") | {"mode": "lines+markers"},
            ],
            "users at once",
            "latency (ms)",
            xaxis=_axis(data),
            yaxis={"rangemode": "tozero"},
        ),
    )


def _waits(data: Mapping[str, Any]) -> Picture:
    names = [f"{number}. {wait['operation']}" for number, wait in enumerate(data["waits"], start=1)]
    return Plot(
        "Readers beside a slow operation",
        "The longest that a reader waited while it went on, beside how long the operation took.",
        figure(
            [
                bars(
                    names,
                    [1e3 * wait["longest"] for wait in data["waits"]],
                    "longest wait of a reader",
                    "--ok",
                ),
                bars(names, [1e3 * wait["seconds"] for wait in data["waits"]], "the operation", "--axis"),
            ],
            "",
            "milliseconds",
            barmode="group",
        ),
    )
