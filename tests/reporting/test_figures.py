"""Figures are plain JSON, show errors by colour and sign, the fault's shade, and escape what others named."""

from __future__ import annotations

import copy
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

import chaos.reporting
from chaos.analysis import analyse
from chaos.history import Event
from chaos.reporting.axes import layout_of
from chaos.reporting.figures import LOOKS, Figure, figures_of
from chaos.reporting.series import KINDS, Series, make_series
from chaos.reporting.shades import COLOURS
from tests.reporting import histories, storms

CSS = (Path(chaos.reporting.__path__[0]) / "templates" / "report.css").read_text()


def figures(events: list[Event]) -> dict[str, Figure]:
    return figures_of(make_series(events, analyse(events)), {"victim": [("p99 latency", 0.25)]})


def colours(value: Any) -> set[str]:
    if isinstance(value, dict):
        named = {value["css"]} if "css" in value else set()
        return named.union(*(colours(item) for item in value.values()))
    return set().union(*(colours(item) for item in value)) if isinstance(value, list) else set()


@pytest.mark.parametrize(
    "history", ["passing", "failing", "guarded", "broken_off", "empty", "hostile", "long"]
)
def test_figures_are_json_without_nan(history: str) -> None:
    json.dumps(figures(getattr(histories, history)()), allow_nan=False)


def test_every_kind_has_its_own_sign_and_colour() -> None:
    assert set(LOOKS) == set(KINDS)
    assert len({symbol for _colour, symbol in LOOKS.values()}) == len(KINDS)
    assert len({colour for colour, _symbol in LOOKS.values()}) == len(KINDS)


def test_every_colour_is_defined_for_light_and_for_dark() -> None:
    used = (
        colours(figures(histories.failing()))
        | colours(figures(storms.storm()))
        | {colour for colour, _symbol in LOOKS.values()}
    )
    used |= {f"--fault-{number}-{part}" for number in range(COLOURS) for part in ("fill", "ink")}
    light, dark = CSS.split("@media screen and (prefers-color-scheme: dark)", 1)

    for colour in used:
        assert f"{colour}:" in light
        assert f"{colour}:" in dark


def test_the_fault_is_shaded_where_it_was() -> None:
    for figure in figures(histories.failing()).values():
        (shade,) = [shape for shape in figure["layout"]["shapes"] if shape["type"] == "rect"]
        assert shade["x0"] == pytest.approx(13.6, abs=0.1)
        assert shade["x1"] == pytest.approx(23.6, abs=0.1)


def full(figure: Figure) -> list[tuple[float, float, str]]:
    """The shades over the whole height: from, to, colour."""
    return [
        (shape["x0"], shape["x1"], shape["fillcolor"]["css"])
        for shape in figure["layout"]["shapes"]
        if shape["type"] == "rect" and (shape["y0"], shape["y1"]) == (0, 1)
    ]


def test_several_faults_are_shaded_by_their_true_intervals_in_colours_of_their_own() -> None:
    events = storms.storm()
    planned = {event["id"]: event for event in events if event.get("event") == "intent"}
    for figure in figures(events).values():
        shades = full(figure)
        instants = [instant for start, end, _colour in shades for instant in (start, end)]
        assert instants == pytest.approx([14.0, 20.0, 16.5, 18.0, 19.0, 22.5])
        assert len({colour for *_interval, colour in shades}) == len(planned) == 3


def test_a_narrow_phase_goes_without_its_name() -> None:
    phases = (("baseline", 0.0, 10.0), ("fault", 10.0, 10.4), ("recovery", 10.4, 40.0))
    wide = Series(40.0, 1.0, (), (), (), phases, ())
    named = [entry["text"] for entry in layout_of(wide, "latency")["annotations"]]
    assert named == ["baseline", "recovery"]


def test_a_phase_or_a_plan_that_says_otherwise_moves_no_shade() -> None:
    events = copy.deepcopy(storms.storm())
    for event in events:
        if event["kind"] == "phase" and event["phase"] == "fault":
            event["at"] -= 5
        if event.get("event") == "intent":
            event |= {"at": event["at"] - 4, "seconds": 60}

    moved, still = figures(sorted(events, key=lambda event: float(event["at"]))), figures(storms.storm())
    assert full(moved["latency-0"]) == full(still["latency-0"])


def test_labels_of_faults_that_meet_stand_one_below_the_other() -> None:
    layout = figures(storms.storm())["latency-0"]["layout"]

    labels = [note for note in layout["annotations"] if note["text"].startswith("<b>")]
    assert [note["text"] for note in labels] == [
        "<b>link: manager down</b>", "<b>oom</b>", "<b>process: proxy stop</b>",
    ]  # fmt: skip
    assert len({note["y"] for note in labels}) == len({note["font"]["color"]["css"] for note in labels}) == 3
    strips = [shape for shape in layout["shapes"] if shape["type"] == "rect" and shape["y0"] > 0]
    assert [strip["y0"] for strip in strips] == [note["y"] for note in labels]
    highest = max(
        value for trace in figures(storms.storm())["latency-0"]["data"] for value in trace["y"] if value
    )
    low, high = layout["yaxis"]["range"]
    assert (math.log10(highest) - low) / (high - low) < min(note["y"] for note in labels)


def test_latency_is_on_a_log_axis_that_holds_all_points() -> None:
    figure = figures(histories.failing())["latency-0"]
    low, high = figure["layout"]["yaxis"]["range"]

    assert figure["layout"]["yaxis"]["type"] == "log"
    for trace in figure["data"]:
        for value in trace["y"]:
            assert value is None or 10**low <= value * 1.02
            assert value is None or value <= 10**high
    assert {"ok", "timeout", "HTTP 5xx", "reset", "p50", "p99"} <= {trace["name"] for trace in figure["data"]}


def test_names_are_escaped_and_cut() -> None:
    text = json.dumps(figures(histories.hostile()))

    assert not re.search(r"<(?!/?b>|br>|extra>|/extra>)", text)
