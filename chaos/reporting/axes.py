"""What all figures of a report share: axes, shaded faults and the phases' boundaries, so that they line up."""

from __future__ import annotations

import html
from typing import Any

from chaos.reporting.series import Line, Series
from chaos.reporting.shades import LANES
from chaos.reporting.words import span

__all__ = ["Figure", "axis_style", "css", "escaped", "headroom", "layout_of", "note", "trace_of"]

Figure = dict[str, Any]

STRIP = 0.016
"""Height of the strip that marks a fault, as a share of the plot's."""
LANE = 0.07
"""Height of a strip with its label."""


def css(name: str) -> dict[str, str]:
    """A colour by the name of its CSS property; the page's script looks it up."""
    return {"css": name}


def escaped(text: str, most: int = 60) -> str:
    """A text that others chose, cut, and without what plotly or a browser would make of it.

    Half a surrogate pair in a figure is enough to crash Chromium.
    """
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return html.escape(line if len(line) <= most else line[: most - 1] + "…")


def note(text: str, colour: str, **place: Any) -> Figure:
    """A text in a figure."""
    return {"text": text, "showarrow": False, "font": {"size": 12, "color": css(colour)}, **place}


def trace_of(line: Line, name: str, colour: str, dash: str, width: float) -> Figure:
    """A line of durations."""
    return {
        "type": "scatter",
        "mode": "lines" if len(line.at) > 1 else "markers",
        "name": name,
        "x": line.at,
        "y": line.values,
        "customdata": [span(value) for value in line.values],
        "line": {"color": css(colour), "width": width, "dash": dash},
        "hovertemplate": f"{name}: %{{customdata}}<extra></extra>",
    }


NARROW = 0.05
"""A phase that takes less than this share of a figure's width goes without its name."""


def headroom(series: Series, lanes: int = LANES) -> float:
    """The share of a figure's height that the labels of faults take, in at most so many lanes."""
    lanes = min(max((shade.lane + 1 for shade in series.faults), default=0), lanes)
    return LANE * lanes + 2 * STRIP * (len(series.faults) > 1)


def axis_style() -> Figure:
    """What each axis of each figure looks like."""
    return {
        "gridcolor": css("--line"),
        "linecolor": css("--axis"),
        "tickcolor": css("--axis"),
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 4,
    }


def layout_of(series: Series, unit: str, *, labelled: bool = True, lanes: int = LANES) -> Figure:
    """Axes, faults and phases; a small figure goes without their labels, or has room for few lanes of faults'."""
    axis = axis_style()
    shapes, notes = _shades(series, lanes if labelled else 0)
    edges = [start for _phase, start, _end in series.phases] + [end for _, _, end in series.phases[-1:]]
    for at in edges:
        edge = {"xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1}
        shapes.append({"type": "line", **edge, "line": {"color": css("--axis"), "width": 1, "dash": "dot"}})
    for phase, start, end in series.phases if labelled else ():
        if end - start < NARROW * series.seconds:
            continue  # its name would lie upon those beside it
        place = {"xref": "x", "yref": "paper", "x": (start + end) / 2, "y": 1.0}
        notes.append(note(phase, "--muted", yanchor="bottom", **place))
    return {
        "xaxis": {
            **axis,
            "range": [0, round(series.seconds, 2)],
            "title": {"text": "seconds since the start", "standoff": 8},
            "showgrid": False,
        },
        "yaxis": {**axis, "title": {"text": unit, "standoff": 8}},
        "shapes": shapes,
        "annotations": notes,
        "margin": {"l": 72, "r": 8, "t": 26, "b": 48},
        "legend": {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top", "font": {"size": 12}},
        "hovermode": "closest",
        "showlegend": True,
    }


def _shades(series: Series, lanes: int) -> tuple[list[Figure], list[Figure]]:
    """Each fault's interval over the whole height; where several meet, strips and labels tell which is which."""
    shapes: list[Figure] = []
    notes: list[Figure] = []
    strips = len(series.faults) > 1
    for shade in series.faults:
        box = {"xref": "x", "yref": "paper", "x0": shade.start, "x1": shade.end}
        fill = {"fillcolor": css(f"--fault-{shade.colour}-fill"), "line": {"width": 0}, "layer": "below"}
        shapes.append({"type": "rect", **box, "y0": 0, "y1": 1, **fill})
        if shade.lane >= lanes:
            continue
        top = 1 - LANE * shade.lane
        if strips:
            ink = {"fillcolor": css(f"--fault-{shade.colour}-ink"), "line": {"width": 0}, "opacity": 0.75}
            shapes.append({"type": "rect", **box, "y0": round(top - STRIP, 4), "y1": top, **ink})
        middle = {"x": (shade.start + shade.end) / 2, "y": round(top - STRIP * strips, 4)}
        place = {"xref": "x", "yref": "paper", "yanchor": "top", **middle}
        notes.append(note(f"<b>{escaped(shade.label)}</b>", f"--fault-{shade.colour}-ink", **place))
    return shapes, notes
