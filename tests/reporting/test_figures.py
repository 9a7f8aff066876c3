"""Figures are plain JSON, show errors by colour and sign, the fault's shade, and escape what others named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import chaos.reporting
from chaos.analysis import analyse
from chaos.history import Event
from chaos.reporting.figures import LOOKS, Figure, figures_of
from chaos.reporting.series import KINDS, make_series
from tests.reporting import histories

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
    used = colours(figures(histories.failing())) | {colour for colour, _symbol in LOOKS.values()}
    light, dark = CSS.split("@media screen and (prefers-color-scheme: dark)", 1)

    for colour in used:
        assert f"{colour}:" in light
        assert f"{colour}:" in dark


def test_the_fault_is_shaded_where_it_was() -> None:
    for figure in figures(histories.failing()).values():
        (shade,) = [shape for shape in figure["layout"]["shapes"] if shape["type"] == "rect"]
        assert shade["x0"] == pytest.approx(13.6, abs=0.1)
        assert shade["x1"] == pytest.approx(23.6, abs=0.1)


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
