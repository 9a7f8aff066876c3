"""H: a drain timeline of each round: the requests in flight while a worker leaves, one line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaos.reporting.axes import Figure, escaped
from chaos.reporting.matrix.plots.base import Picture, Plot, figure, label, level, line, points, shade

__all__ = ["draw"]

ROUNDS = 6
"""Shown of them: those that lost something first."""

HOW = {"fewer": "scaled down", "zero": "scaled to zero", "unregister": "unregistered"}
LOOKS = {
    "long, answered": ("--p50", 4.0),
    "short, answered": ("--ok", 2.0),
    "turned away later": ("--http4", 3.0),
    "lost": ("--timeout", 4.0),
}
"""Colour and width of each way a request can end."""

Indexed = tuple[int, Mapping[str, Any]]


def draw(data: Mapping[str, Any]) -> list[Picture]:
    """From what :class:`chaos.properties.grace.Grace` shows."""
    numbered = list(enumerate(data["rounds"], start=1))
    lossy = sorted(
        numbered, key=lambda entry: not any(_kind(one, entry[1]) == "lost" for one in entry[1]["requests"])
    )
    return [_timeline(number, one) for number, one in sorted(lossy[:ROUNDS], key=lambda entry: entry[0])]


def _timeline(number: int, one: Mapping[str, Any]) -> Picture:
    kinds: dict[str, list[Indexed]] = {kind: [] for kind in LOOKS}
    for index, request in enumerate(one["requests"]):
        kinds[_kind(request, one)].append((index, request))
    traces = [_bars(kind, found) for kind, found in kinds.items() if found]
    traces += [_ends(kind, kinds[kind]) for kind in ("turned away later", "lost") if kinds[kind]]
    marks = [(one["start"], "asked to leave"), (one["end"], "answered")]
    shapes = [
        shade(one["start"], one["end"]),
        *(level(at, "--axis", dash="dot", vertical=True) for at, _ in marks),
    ]
    if one["gone"] is not None:
        marks.append((one["gone"], "gone"))
        shapes.append(level(one["gone"], "--p99", dash="solid", vertical=True))
    names = [
        label(
            text, "--ink", xref="x", yref="paper", x=at, y=1.0 - 0.07 * place, yanchor="top", xanchor="left"
        )
        for place, (at, text) in enumerate(marks)
    ]
    leaving = ", ".join(map(str, one["leaving"])) or "unknown"
    return Plot(
        f"Round {number}: {HOW.get(one['how'], one['how'])}",
        "Each line is a request, from when it was sent to when it ended. The span is the operation, which may last "
        f"until {one['start'] + one['bound']:.2f} s; processes that were to leave: {leaving}.",
        figure(
            traces,
            "seconds since the first request",
            "requests",
            shapes=shapes,
            annotations=names,
            yaxis={"showgrid": False, "autorange": "reversed", "rangemode": "tozero"},
        ),
    )


def _kind(request: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    """How a request ended. Who comes after the operation began may be told so; who was admitted may not."""
    status = request["status"] or 0
    if 200 <= status < 300 and not request["problem"]:
        return "long, answered" if request["long"] else "short, answered"
    return "turned away later" if status and request["sent"] >= one["start"] else "lost"


def _bars(kind: str, found: Sequence[Indexed]) -> Figure:
    """One line for all of a kind, broken between requests."""
    at: list[float | None] = []
    row: list[float | None] = []
    for index, each in found:
        at += [each["sent"], each["ended"], None]
        row += [index, index, None]
    colour, width = LOOKS[kind]
    return line(at, row, kind, colour, width=width, hovertemplate="%{x:.2f} s<extra></extra>")


def _ends(kind: str, found: Sequence[Indexed]) -> Figure:
    """What was not served is marked where it ended, with what was said."""
    return points(
        [each["ended"] for _, each in found],
        [index for index, _ in found],
        kind,
        LOOKS[kind][0],
        symbol="x" if kind == "lost" else "circle-open",
        showlegend=False,
        hovertext=[escaped(f"{each['status'] or ''} {each['problem'] or ''}") for _, each in found],
        hoverinfo="text+x",
    )
