"""F, judged: what is granted, how it is refused, what changes, and what the bystander bears."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chaos.cells.preservation import PreservationProcedure
from chaos.history import Event
from chaos.properties.base import CannotTell, Measure
from chaos.properties.preservation import BYSTANDER, PRESERVATION, RATIO
from chaos.properties.record import CellRecord
from chaos.sla.results import Verdict
from chaos.traffic.histogram import SLOT_SECONDS
from chaos.traffic.spec import Outcome

SETTINGS = PreservationProcedure.defaults
PHASES = {"baseline": (1.0, 4.0), "fault": (4.0, 7.0), "recovery": (7.0, 10.0)}
STATE: dict[str, Any] = {
    "models": {"bystander": {"desired": 2, "workers": 2, "pids": [1, 2], "alive": 2}},
    "listed": ["bystander"],
}


def rows(during: float = 1.0, after: float = 1.0, lost: int = 0) -> list[list[float]]:
    """The bystander's requests, of 20 ms give or take, so many times slower meanwhile and after."""
    rng = np.random.default_rng(1)
    found = []
    for number in range(400):
        at = 0.5 + number / 40
        factor = during if 4 <= at < 7 else after if at >= 7 else 1.0
        outcome = Outcome.RESET if number < lost else Outcome.OK
        found.append([at, at, at + 0.02 * factor * rng.uniform(1.0, 1.1), float(outcome)])
    return found


def asked(status: int = 400, words: str = "at most 6 workers", seconds: float = 0.01) -> dict[str, Any]:
    about = {"operation": "scale", "workers": 7, "batch": 0}
    return {**about, "status": status, "words": words, "detail": "", "start": 5.0, "end": 5.0 + seconds}


def record(
    *requests: dict[str, Any],
    told: bool = True,
    after: dict[str, Any] = STATE,
    most: int | None = 2,
    without: str = "",
    sent: list[list[float]] | None = None,
) -> CellRecord:
    def note(about: str, **values: Any) -> Event:
        return {"kind": "note", "at": 5.0, "about": about, **values}

    null = [[int(at / SLOT_SECONDS), 0, 700, 5] for at in np.arange(0.5, 10.5, SLOT_SECONDS)]
    events = [
        note("plan", told=told, bearable=6, taken=2),
        *(note("window", phase=name, start=start, end=end) for name, (start, end) in PHASES.items()),
        *(note("asked", round=0, **each) for each in requests or (asked(),)),
        note("round", before=STATE, after=after, least=None if most is None else 2, most=most),
        note("living", count=2),
        {"kind": "requests", "at": 10.0, "load": BYSTANDER, "rows": rows() if sent is None else sent},
        {"kind": "noise", "at": 10.0, "cells": null},
    ]
    kept = tuple(event for event in events if event.get("about") != without)
    return CellRecord("scale", "F", 1, SETTINGS, 0.0, 11.0, "measured", "", kept)


def judged(cell: CellRecord) -> dict[str, Measure]:
    return {measure.name: measure for measure in PRESERVATION.judge(cell)}


def failed(cell: CellRecord) -> list[str]:
    return [name for name, measure in judged(cell).items() if measure.verdict is Verdict.FAIL]


def test_a_server_that_refuses_and_goes_on_passes() -> None:
    measures = judged(record(asked(), asked()))

    assert {measure.verdict for measure in measures.values()} == {Verdict.PASS}, measures
    assert measures["excess granted"].n == 2


def test_what_is_granted_fails_where_the_limits_are_told_and_is_unknown_elsewhere() -> None:
    assert failed(record(asked(), asked(200))) == ["excess granted"]

    measures = judged(record(asked(200), told=False, most=9))
    assert measures["excess granted"].verdict is Verdict.UNKNOWN
    assert "state changed" not in measures
    slow = judged(record(asked(200), told=False, sent=rows(during=10 * RATIO)))
    assert slow["bystander's latency during"].verdict is Verdict.FAIL, "whatever it may bear"


@pytest.mark.parametrize(
    "refusal", [asked(500, "this node is full"), asked(400, ""), asked(400, "no"), asked(0, "")]
)
def test_a_refusal_is_a_4xx_with_words(refusal: dict[str, Any]) -> None:
    assert failed(record(asked(), refusal)) == ["unclear refusals"]


def test_a_refusal_is_told_at_once() -> None:
    assert failed(record(asked(), asked(seconds=6.0))) == ["time to refuse"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"listed": ["bystander", "new"]}, "model 'new' is listed"),
        ({"listed": []}, "model 'bystander' is gone"),
        ({"models": {}}, "described no more"),
        (
            {"models": {"bystander": {**STATE["models"]["bystander"], "desired": 7}}},
            "desired 7 in place of 2",
        ),
        ({"models": {"bystander": {**STATE["models"]["bystander"], "pids": [1, 3]}}}, "pids [1, 3]"),
    ],
)
def test_a_change_is_told(change: dict[str, Any], words: str) -> None:
    cell = record(after={**STATE, **change})

    assert failed(cell) == ["state changed"]
    assert words in judged(cell)["state changed"].reason


def test_processes_that_lived_meanwhile_are_a_change_where_they_can_be_seen() -> None:
    assert failed(record(most=9)) == ["state changed"]
    assert failed(record(most=None)) == []


def test_the_bystander_loses_nothing_and_is_as_fast_as_before() -> None:
    assert failed(record(sent=rows(lost=1))) == ["bystander's requests lost"]
    assert failed(record(sent=rows(during=3 * RATIO))) == ["bystander's latency during"]
    assert failed(record(sent=rows(after=3 * RATIO))) == ["bystander's latency after"]
    assert all(measure.timed for name, measure in judged(record()).items() if "latency" in name)


@pytest.mark.parametrize("without", ["asked", "window", "round"])
def test_what_was_not_measured_is_not_judged(without: str) -> None:
    with pytest.raises(CannotTell):
        PRESERVATION.judge(record(without=without))
    with pytest.raises(CannotTell):
        PRESERVATION.judge(record(sent=[]))


def test_the_figure_has_the_bystander_and_what_was_asked() -> None:
    figure = PRESERVATION.figure(record())

    assert [window["phase"] for window in figure["windows"]] == list(PHASES)
    assert figure["asked"][0]["workers"] == 7
    assert len(figure["over_time"]["seconds"]) == 400
    assert figure["processes"] == {"at": [5.0], "count": [2]}
