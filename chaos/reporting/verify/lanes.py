"""The picture of one run of a program: a row for each fault, for each client of each step, and for what stood.

Rows are in the order of the program, steps below each other and their lanes too, so that the labels on the left read as
the program does, and the bars on the right tell when it was asked and answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf

from chaos.operations.checks.base import Violation
from chaos.operations.record import Done, ProgramRecord
from chaos.reporting.axes import Figure, css, escaped
from chaos.reporting.matrix.plots.base import figure
from chaos.reporting.verify.drawn import Drawing, Held
from chaos.reporting.verify.timeline import Timeline, timeline_of
from chaos.reporting.verify.words import lane_letter
from chaos.sla.results import Verdict

__all__ = ["lanes_figure"]

ROW, FRAME = 25, 112
"""Height of a row, and of what is above and below them, in pixels."""
LABEL = 42
"""Characters."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """What one client asked in one step, in the order in which it did."""

    label: str
    step: int
    calls: tuple[Done, ...]


def lanes_figure(record: ProgramRecord, violations: Sequence[Violation]) -> Figure:
    """Operations as bars in true time, faults shaded from in force to reverted, what stood as marks, and a cross at
    what a check found wrong.

    Its height is its own, as there is a row for each lane. A page that holds ``report.css``, ``plotly()`` and
    ``report.js`` embeds it as an entry of its figures, with an element of that id which is as high:
    ``<div class="plot" id="…" style="height: {{ figure.layout.height }}px">``.

    :param violations: what was found in this run; those that fail are marked
    """
    zero = float(record.program["at"])
    faults, lanes = list(_held(record)), list(_lanes(record))
    looks = [seen for seen in record.seen if seen.when != "before"]
    edges = [edge for fault in faults for edge in (fault.start, fault.end) if edge < inf]
    end = max([zero, *edges, *(done.end for done in record.calls), *(seen.at for seen in looks)])
    time = timeline_of([(done.start - zero, done.end - zero) for done in record.calls], end - zero)
    wrong = [each for each in violations if each.verdict is Verdict.FAIL]
    marked = {number: each for each in wrong for number in each.calls}
    drawing = Drawing(time, zero, end, marked, {each.step: each for each in wrong if not each.calls})
    placed = [(row, done) for row, lane in enumerate(lanes, start=len(faults)) for done in lane.calls]
    labels = [fault.label for fault in faults] + [_label(lane, marked) for lane in lanes] + ["what stood"]
    return figure(
        [
            *drawing.faults(faults),
            *drawing.bars(placed),
            *drawing.looks(looks, len(labels) - 1, {real: model for model, real in record.names.items()}),
            *drawing.crosses(placed),
        ],
        "time since the program began" + (", cut where marked" if time.cuts else ""),
        "",
        shapes=[*drawing.shades(faults), *drawing.cuts(), *_edges(lanes, len(faults))],
        annotations=[*drawing.lengths()],
        barmode="overlay",
        height=FRAME + ROW * len(labels),
        margin={"l": 12, "r": 30, "t": 10, "b": 44},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 12}},
        showlegend=True,
        xaxis=_time_axis(time),
        yaxis={
            "range": [len(labels) - 0.5, -0.5],
            "tickvals": [*range(len(labels))],
            "ticktext": labels,
            "tickfont": {"size": 12, "color": css("--ink")},
            "showgrid": False,
            "ticks": "",
            "automargin": True,
            "fixedrange": True,
        },
    )


def _time_axis(time: Timeline) -> Figure:
    ticks = time.ticks()
    return {
        "range": [round(-0.015 * time.length, 6), round(1.03 * time.length, 6)],
        "tickvals": [round(place, 6) for place, _ in ticks],
        "ticktext": [text for _, text in ticks],
        "showgrid": True,
    }


def _lanes(record: ProgramRecord) -> Iterator[_Lane]:
    """Those of each step, named by its number from 1, and by letters where there are several."""
    ordered = sorted(record.calls, key=lambda done: (done.step, done.lane, done.start))
    for step, calls in groupby(ordered, key=lambda done: done.step):
        lanes = [tuple(lane) for _, lane in groupby(calls, key=lambda done: done.lane)]
        for place, lane in enumerate(lanes):
            letter = lane_letter(place) if len(lanes) > 1 else ""
            said = ", ".join("again" if done.again else str(done) for done in lane)
            yield _Lane(f"{step + 1}{letter}  {escaped(said, LABEL)}", step, lane)


def _held(record: ProgramRecord) -> Iterator[Held]:
    """Each fault that was in force, or about to be."""
    real = {name: model for model, name in record.names.items()}
    found: dict[str, Held] = {}
    for event in record.events:
        if event["kind"] != "fault":
            continue
        lease = event["id"]
        match event["event"]:
            case "intent" | "injected":
                given = {key: value for key, value in event.get("arguments", {}).items() if key != "model"}
                words = [event["fault"], *(str(value) for value in given.values() if value)]
                if model := event.get("model"):
                    words += ["on", real.get(model, model)]
                found[lease] = Held(escaped(" ".join(words), LABEL), event["at"], inf)
            case "failed":
                found.pop(lease, None)
            case "reverted" if lease in found:
                found[lease] = Held(found[lease].label, found[lease].start, event["at"])
    yield from found.values()


def _edges(lanes: Sequence[_Lane], first: int) -> Iterator[Figure]:
    """A line above each step, and one above what stood."""
    starts = [place for place, lane in enumerate(lanes) if place == 0 or lane.step != lanes[place - 1].step]
    for row in [*starts, len(lanes)]:
        y = first + row - 0.5
        line = {"color": css("--line"), "width": 1}
        edge = {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": y, "y1": y}
        yield {"type": "line", **edge, "line": line, "layer": "below"}


def _label(lane: _Lane, marked: Mapping[int, Violation]) -> str:
    return f"<b>✗ {lane.label}</b>" if any(done.number in marked for done in lane.calls) else lane.label
