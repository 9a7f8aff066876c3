"""The picture of a pipeline's graph: nodes by level from left to right, edges between them, with their verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.offline.results import CheckResult, PipelineResult

__all__ = ["Drawn", "EdgeLine", "NodeBox", "drawn"]

WIDTH, HEIGHT = 204.0, 46.0
GAP_X, GAP_Y = 90.0, 22.0
MARGIN = 4.0
CHARACTERS = 20
"""That a box has room for."""
ARROW = "->"


@dataclass(frozen=True, slots=True)
class NodeBox:
    """Where a node stands, in pixels; ``verdict`` is empty for one that was not run."""

    name: str
    said: str
    x: float
    y: float
    verdict: str


@dataclass(frozen=True, slots=True)
class EdgeLine:
    """A curve from the right side of a box to the left side of another, as the path of an SVG."""

    path: str
    verdict: str
    said: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """All of it, on a canvas of so many pixels."""

    width: float
    height: float
    nodes: tuple[NodeBox, ...]
    edges: tuple[EdgeLine, ...]
    box: tuple[float, float] = (WIDTH, HEIGHT)


def drawn(result: PipelineResult) -> Drawn:
    """The picture. A name of an edge is ``source -> destination``; one that names no node is left out."""
    verdicts = {check.name: check.verdict for check in result.nodes}
    tallest = max((len(level) for level in result.levels), default=0)
    height = 2 * MARGIN + tallest * (HEIGHT + GAP_Y) - (GAP_Y if tallest else 0)
    nodes: dict[str, NodeBox] = {}
    for column, level in enumerate(result.levels):
        top = (height - len(level) * (HEIGHT + GAP_Y) + GAP_Y) / 2
        for row, name in enumerate(level):
            x, y = MARGIN + column * (WIDTH + GAP_X), top + row * (HEIGHT + GAP_Y)
            nodes[name] = NodeBox(name, _cut(name), x, y, verdicts.get(name, ""))
    edges = tuple(edge for check in result.edges if (edge := _edge(check, nodes)) is not None)
    width = 2 * MARGIN + len(result.levels) * (WIDTH + GAP_X) - (GAP_X if result.levels else 0)
    return Drawn(width, height, tuple(nodes.values()), edges)


def _edge(check: CheckResult, nodes: dict[str, NodeBox]) -> EdgeLine | None:
    source, _, destination = (part.strip() for part in check.name.partition(ARROW))
    if source not in nodes or destination not in nodes:
        return None
    start, end = nodes[source], nodes[destination]
    x0, y0, x1, y1 = start.x + WIDTH, start.y + HEIGHT / 2, end.x, end.y + HEIGHT / 2
    middle = (x0 + x1) / 2
    path = f"M{x0:g},{y0:g} C{middle:g},{y0:g} {middle:g},{y1:g} {x1 - 7:g},{y1:g}"
    return EdgeLine(path, check.verdict, f"{check.name}: {check.words}")


def _cut(name: str) -> str:
    return name if len(name) <= CHARACTERS else name[: CHARACTERS - 1] + "…"
