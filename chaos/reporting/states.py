"""What the platform ran over time: workers asked for, ready and alive, deaths, and links that were down.

Looks come ten times a second; a line keeps those at which something changed, so nothing is lost and a long run
stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chaos.checks.evidence import Evidence, gather
from chaos.history import Event
from chaos.recording import record
from chaos.reporting.axes import Figure, css, escaped, layout_of, note
from chaos.reporting.series import Line, Series

__all__ = ["Cut", "Death", "ModelStates", "States", "make_states", "state_figures"]

MAX_DEATHS = 500
MAX_LINKS = 24

DESIRED, READY, ALIVE = "asked for", "ready", "alive"
LOOKS = {DESIRED: ("--limit", "dash", 1.5), READY: ("--noise", "solid", 1.5), ALIVE: ("--p50", "solid", 2.5)}
"""Colour, dash and width of each line."""


@dataclass(frozen=True, slots=True)
class Death:
    """A replica's end by the target's error history: when (s since the start), and in words."""

    at: float
    told: str


@dataclass(frozen=True, slots=True)
class ModelStates:
    """One model: step lines of numbers of workers, and who died."""

    model: str
    lines: tuple[Line, ...]
    deaths: tuple[Death, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """A link that was seen down, in seconds since the start."""

    link: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class States:
    """All of it. ``links`` names those that were seen, the ones that were down first, up to a bound."""

    models: tuple[ModelStates, ...]
    links: tuple[str, ...]
    cuts: tuple[Cut, ...]


def make_states(events: Sequence[Event], start: float) -> States:
    """What the ``state`` and ``errors`` events of a history say; without any, nothing.

    :param start: of the run, on the monotonic clock
    :raises RunDirectoryError: if the history cannot be understood
    """
    evidence = gather(events, record(list(events)))
    names = sorted({name for state in evidence.states for name in state.models})
    seen = dict.fromkeys(link.name for state in evidence.states for link in state.links or ())
    cuts = _cuts(evidence, start)
    links = sorted(seen, key=lambda name: name not in cuts)[:MAX_LINKS]
    return States(
        models=tuple(_model(evidence, name, start) for name in names),
        links=tuple(links),
        cuts=tuple(cut for link in links for cut in cuts.get(link, ())),
    )


def _model(evidence: Evidence, name: str, start: float) -> ModelStates:
    seen = [(round(at - start, 3), model) for at, model in evidence.states_of(name)]
    lines = [
        _changes(DESIRED, [(at, model.desired) for at, model in seen]),
        _changes(READY, [(at, model.workers) for at, model in seen]),
        _changes(ALIVE, [(at, model.alive) for at, model in seen if model.alive is not None]),
    ]
    deaths = [
        Death(round(float(entry["at"]) - start, 3), _told(entry))
        for entry in evidence.errors or ()
        if entry["model"] == name
    ]
    return ModelStates(name, tuple(line for line in lines if line.at), tuple(deaths[:MAX_DEATHS]))


def _changes(name: str, values: list[tuple[float, int]]) -> Line:
    """The first and the last value, and each that differs from the one before."""
    kept = [
        entry
        for index, entry in enumerate(values)
        if index in (0, len(values) - 1) or entry[1] != values[index - 1][1]
    ]
    return Line(name, [at for at, _value in kept], [float(value) for _at, value in kept])


def _told(entry: Any) -> str:
    by = f" by the {entry['by']}" if entry.get("by") else ""
    return f"pid {entry['pid']}: {entry['type']}{by}"


def _cuts(evidence: Evidence, start: float) -> dict[str, list[Cut]]:
    """By link: from the first look at which it was down to the first at which it is not, or is no more."""
    found: dict[str, list[Cut]] = {}
    since: dict[str, float] = {}
    at = 0.0
    for state in evidence.states:
        if state.links is None:
            continue
        at = round(state.at - start, 3)
        down = {link.name for link in state.links if not link.up}
        for name in [name for name in since if name not in down]:
            found.setdefault(name, []).append(Cut(name, since.pop(name), at))
        for name in down:
            since.setdefault(name, at)
    for name, began in since.items():
        found.setdefault(name, []).append(Cut(name, began, at))
    return found


def state_figures(series: Series, states: States) -> dict[str, Figure]:
    """A figure for each model, and one for the links, by the id of the element that shows it."""
    found = {f"state-{index}": _workers(series, model) for index, model in enumerate(states.models)}
    if states.links:
        found["links"] = _links(series, states)
    return found


def _workers(series: Series, model: ModelStates) -> Figure:
    traces: list[Figure] = []
    for line in model.lines:
        colour, dash, width = LOOKS[line.name]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": line.name,
                "x": line.at,
                "y": line.values,
                "line": {"color": css(colour), "width": width, "dash": dash, "shape": "hv"},
                "hovertemplate": f"{line.name}: %{{y:.0f}}<extra></extra>",
            }
        )
    if model.deaths:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "died",
                "x": [death.at for death in model.deaths],
                "y": [0.0] * len(model.deaths),
                "customdata": [escaped(death.told) for death in model.deaths],
                "marker": {"color": css("--timeout"), "symbol": "x", "size": 9},
                "hovertemplate": "%{x:.2f} s: %{customdata}<extra></extra>",
                "cliponaxis": False,
            }
        )
    layout = layout_of(series, "workers", labelled=False)
    most = max((value or 0.0 for line in model.lines for value in line.values), default=1.0)
    layout["yaxis"] |= {"range": [0, max(most * 1.15, 1.0)], "dtick": max(round(most / 3), 1)}
    layout["margin"] |= {"t": 8}
    layout["legend"] |= {"y": -0.55}
    return {"data": traces, "layout": layout}


def _links(series: Series, states: States) -> Figure:
    """A row for each link, and a bar wherever it was down."""
    trace = {
        "type": "bar",
        "orientation": "h",
        "name": "down",
        "base": [cut.start for cut in states.cuts],
        "x": [round(cut.end - cut.start, 3) for cut in states.cuts],
        "y": [states.links.index(cut.link) for cut in states.cuts],
        "width": 0.4,
        "marker": {"color": css("--timeout"), "line": {"width": 0}},
        "hovertemplate": "down from %{base:.1f} s, for %{x:.1f} s<extra></extra>",
    }
    layout = layout_of(series, "", labelled=False) | {"showlegend": False}
    for row, link in enumerate(states.links):
        place = {"xref": "paper", "yref": "y", "x": 0.004, "y": row + 0.5}
        layout["annotations"].append(
            note(escaped(link), "--muted", xanchor="left", yanchor="middle", **place)
        )
    rows = {"range": [-0.5, len(states.links) - 0.2], "showgrid": False, "showticklabels": False, "ticks": ""}
    layout["yaxis"] |= rows
    layout["margin"] |= {"t": 8}
    return {"data": [trace], "layout": layout}
