"""What plots of cells have in common: their axes, lines and marks, as plotly figures in plain data.

Colours are named by CSS properties, which the page's script looks up (:mod:`chaos.reporting.axes`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.reporting.axes import Figure, axis_style, css, escaped
from chaos.reporting.words import span

__all__ = [
    "COLOURS",
    "Picture",
    "Plot",
    "Table",
    "bare",
    "bars",
    "figure",
    "label",
    "level",
    "line",
    "log_axis",
    "over_time",
    "points",
    "rested",
    "ribbon",
    "shade",
    "thinned",
]

COLOURS = tuple(f"--fault-{number}-ink" for number in (5, 0, 1, 2, 3, 4))
"""Of series side by side: distinct in light and dark."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Plot:
    """One figure of a cell: what it shows in a few words, how to read it in a sentence or two."""

    title: str
    caption: str
    figure: Figure
    height: str = ""
    """A class of the page's style sheet: ``tall``, ``small`` (side by side with others that are), or the usual."""


@dataclass(frozen=True, slots=True)
class Table:
    """What is better read than drawn. A row is ``bad`` if it shows what must not be."""

    title: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[bool, tuple[str, ...]], ...]


Picture = Plot | Table
MOST = 3000
"""Points of a series: more are not seen, and make the page heavy."""


def bare(model: str) -> str:
    """A model's name without what makes it unique."""
    return re.sub(r"-[^-]*[0-9a-f]{6}$", "", model)


def rested(seconds: float | None) -> str:
    """How long it took to come to rest; nobody looks more often than every few milliseconds."""
    if seconds is None:
        return "never"
    return span(seconds) if seconds >= 0.005 else "at once"


def thinned(*series: Sequence[Any]) -> list[list[Any]]:
    """The same evenly spaced points of series that belong together, as many as can be seen."""
    step = max(1, -(-len(series[0]) // MOST))
    return [list(each[::step]) for each in series]


def figure(
    traces: Sequence[Figure], x: str, y: str, *, shapes: Sequence[Figure] = (), **layout: Any
) -> Figure:
    """Traces on two axes with these titles. ``xaxis`` and ``yaxis`` in ``layout`` are merged into the axes."""
    axis = axis_style()
    named = [trace for trace in traces if trace.get("name") and trace.get("showlegend", True)]
    return {
        "data": list(traces),
        "layout": {
            "shapes": list(shapes),
            "annotations": [],
            "margin": {"l": 76, "r": 12, "t": 14, "b": 48},
            "legend": {"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top", "font": {"size": 12}},
            "hovermode": "closest",
            "showlegend": len(named) > 1,
            **layout,
            "xaxis": {
                **axis,
                "title": {"text": x, "standoff": 8},
                "showgrid": False,
                **layout.get("xaxis", {}),
            },
            "yaxis": {**axis, "title": {"text": y, "standoff": 8}, **layout.get("yaxis", {})},
        },
    }


def points(
    x: Values, y: Values, name: str, colour: str, *, size: float = 6.0, symbol: str = "circle", **more: Any
) -> Figure:
    """Single measurements."""
    marker = {"color": css(colour), "size": size, "symbol": symbol, "line": {"width": 0}}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": escaped(name),
        "x": list(x),
        "y": list(y),
        "marker": marker,
        "opacity": 0.75,
        **more,
    }


def log_axis(values: Iterable[float]) -> Figure:
    """A logarithmic axis that holds these values, with ticks at 1, 2 and 5 times powers of ten."""
    found = [value for value in values if value > 0]
    low, high = (min(found), max(found)) if found else (1.0, 10.0)
    edges = [math.log10(low) - 0.08, math.log10(high) + 0.08]
    decades = range(math.floor(edges[0]), math.ceil(edges[1]) + 1)
    steps = (1.0, 2.0, 5.0) if edges[1] - edges[0] < 3 else (1.0,)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    return {"type": "log", "range": edges, "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def over_time(at: Sequence[float], seconds: Sequence[float], right: Sequence[bool]) -> list[Figure]:
    """Single requests at the instants they were due, in milliseconds: those answered rightly, and those that failed."""
    shown = list(zip(*thinned(at, seconds, right), strict=True))
    hover = "%{x:.1f} s: %{y:.1f} ms<extra></extra>"
    good = [(moment, 1e3 * value) for moment, value, ok in shown if ok]
    bad = [(moment, 1e3 * value) for moment, value, ok in shown if not ok]
    return [
        points(
            [moment for moment, _ in good],
            [value for _, value in good],
            "answered rightly",
            "--ok",
            size=4.0,
            hovertemplate=hover,
        ),
        points(
            [moment for moment, _ in bad],
            [value for _, value in bad],
            "failed",
            "--timeout",
            size=8.0,
            symbol="x",
            hovertemplate=hover,
        ),
    ]


def line(
    x: Values,
    y: Values,
    name: str,
    colour: str,
    *,
    width: float = 2.0,
    dash: str = "solid",
    shape: str = "linear",
    **more: Any,
) -> Figure:
    """A line through values; None breaks it. ``shape`` is plotly's: ``hv`` for steps."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escaped(name),
        "x": list(x),
        "y": list(y),
        "line": {"color": css(colour), "width": width, "dash": dash, "shape": shape},
        **more,
    }


def ribbon(x: Values, low: Values, high: Values, name: str) -> Figure:
    """The area between two lines: an interval."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escaped(name),
        "x": [*x, *reversed(x)],
        "y": [*high, *reversed(low)],
        "fill": "toself",
        "fillcolor": css("--area"),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def bars(x: Sequence[Any], y: Values, name: str, colour: str, **more: Any) -> Figure:
    """One bar each."""
    marker = {"color": css(colour), "line": {"width": 0}}
    return {"type": "bar", "name": escaped(name), "x": list(x), "y": list(y), "marker": marker, **more}


def level(value: float, colour: str = "--limit", *, dash: str = "dash", vertical: bool = False) -> Figure:
    """A line across the whole plot: a limit, or an instant."""
    across = {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": value, "y1": value}
    upright = {"yref": "paper", "y0": 0, "y1": 1, "xref": "x", "x0": value, "x1": value}
    stroke = {"color": css(colour), "width": 1.5, "dash": dash}
    return {"type": "line", "line": stroke, **(upright if vertical else across)}


def shade(start: float, end: float, colour: int = 0) -> Figure:
    """A span of the x axis, tinted."""
    box = {"xref": "x", "yref": "paper", "x0": start, "x1": end, "y0": 0, "y1": 1}
    fill = {"fillcolor": css(f"--fault-{colour}-fill"), "line": {"width": 0}, "layer": "below"}
    return {"type": "rect", **box, **fill}


def label(text: str, colour: str = "--muted", **place: Any) -> Figure:
    """A text in a plot."""
    return {"text": escaped(text), "showarrow": False, "font": {"size": 12, "color": css(colour)}, **place}
