"""Isolation is judged by the victim's own requests: each mode by itself, against the victim's own baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.properties.base import CannotTell, Measure
from chaos.properties.isolation import AVAILABILITY, RATIO, Isolation
from chaos.properties.record import CellRecord
from chaos.sla.results import Verdict, worst
from chaos.traffic.histogram import SLOT_SECONDS, buckets_of
from chaos.traffic.spec import Outcome
from tests.properties.isolated import BEGIN, RATE, SPAN, record


def by_name(measures: list[Measure]) -> dict[str, Measure]:
    return {measure.name: measure for measure in measures}


def judged(given_record: CellRecord) -> list[Measure]:
    return list(Isolation().judge(given_record))


def test_a_victim_that_notices_nothing_passes() -> None:
    measures = judged(record())

    assert {measure.verdict for measure in measures} == {Verdict.PASS}
    assert {measure.name for measure in measures} == {
        f"{what} {when}"
        for what in ("p90 latency", "availability")
        for when in ("under occupy", "under crash", "after the hostile handlers")
    } | {"modes in force"}
    assert all(measure.timed == measure.name.startswith("p90") for measure in measures)


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(RATIO * 1.4, 80.0), seed=st.integers(0, 2**31 - 1))
def test_a_mode_that_slows_it_beyond_the_limit_fails_and_stands_first(factor: float, seed: int) -> None:
    measures = judged(record(slow={"crash": factor}, seed=seed))

    assert measures[0].name == "p90 latency under crash"
    assert measures[0].verdict is Verdict.FAIL
    assert measures[0].low is not None
    assert measures[0].low > RATIO
    assert {measure.verdict for measure in measures[1:]} == {Verdict.PASS}


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(0.5, RATIO / 1.4), seed=st.integers(0, 2**31 - 1))
def test_sharing_a_machine_is_no_fault(factor: float, seed: int) -> None:
    assert (
        worst(measure.verdict for measure in judged(record(slow={"occupy": factor}, seed=seed)))
        is Verdict.PASS
    )


def test_what_is_lost_under_a_mode_fails() -> None:
    found = by_name(judged(record(failing={"occupy": 0.05})))

    lost = found["availability under occupy"]
    assert lost.verdict is Verdict.FAIL
    assert lost.limit == AVAILABILITY
    assert "under occupy, the victim's availability was 9" in lost.reason
    assert found["availability under crash"].verdict is Verdict.PASS


def test_a_victim_that_does_not_recover_fails() -> None:
    found = by_name(judged(record(slow={"recovery": 20.0})))

    assert found["p90 latency after the hostile handlers"].verdict is Verdict.FAIL
    assert found["p90 latency under crash"].verdict is Verdict.PASS


def test_what_the_harness_itself_could_explain_is_unknown() -> None:
    measured = record(slow={"crash": 4.0})
    late = int(buckets_of(np.array(0.2)))
    window = next(event for event in measured.notes("window") if event["mode"] == "crash")
    slots = range(int(window["start"] / SLOT_SECONDS), int(window["end"] / SLOT_SECONDS))
    noisy = {
        "kind": "noise",
        "at": BEGIN,
        "cells": [[slot, int(Outcome.OK), late, 50] for slot in slots],
    }
    found = by_name(judged(replace(measured, events=(*measured.events, noisy))))

    assert found["p90 latency under crash"].verdict is Verdict.UNKNOWN
    assert "the harness itself" in found["p90 latency under crash"].reason


@pytest.mark.parametrize(
    ("drop", "words"),
    [
        (("victim",), "no request of the victim"),
        (("baseline",), "before and after"),
        (("recovery",), "before and after"),
        (("fault",), "no hostile handler was in force: none was tried"),
    ],
)
def test_a_record_that_lacks_something_cannot_be_judged(drop: tuple[str, ...], words: str) -> None:
    with pytest.raises(CannotTell, match=words):
        judged(record(drop=drop))


def skipped(mode: str, served: bool) -> dict[str, Any]:
    reason = f"nothing came of {mode}"
    return {"kind": "note", "at": BEGIN, "about": "skipped", "mode": mode, "served": served, "reason": reason}


def test_a_mode_that_a_target_has_no_handler_for_is_passed_over() -> None:
    measured = record(modes=("occupy",))

    found = judged(replace(measured, events=(*measured.events, skipped("huge", served=False))))

    assert worst(measure.verdict for measure in found) is Verdict.PASS
    assert by_name(found)["modes in force"].reason.endswith(
        "1 could not be tried (huge: nothing came of huge)"
    )
    alone = record(modes=())
    with pytest.raises(CannotTell, match="nothing came of huge"):
        judged(replace(alone, events=(*alone.events, skipped("huge", served=False))))


def test_a_mode_that_was_tried_and_not_in_force_is_unknown() -> None:
    measured = record(modes=("occupy",))

    found = judged(replace(measured, events=(*measured.events, skipped("burn", served=True))))

    assert by_name(found)["burn in force"].verdict is Verdict.UNKNOWN
    assert worst(measure.verdict for measure in found) is Verdict.UNKNOWN


def test_the_figure_has_the_latencies_of_each_window() -> None:
    figure = Isolation().figure(record(slow={"crash": 5.0}, failing={"occupy": 0.2}))

    assert [group["name"] for group in figure["groups"]] == ["baseline", "occupy", "crash", "recovery"]
    by = {group["name"]: group for group in figure["groups"]}
    assert np.median(by["crash"]["seconds"]) > 4 * np.median(by["baseline"]["seconds"])
    assert by["occupy"]["failed"] > 10
    assert by["baseline"]["start"] == pytest.approx(1.0)
    assert figure["limit"] == RATIO
    over_time = figure["over_time"]
    assert len(over_time["at"]) == len(over_time["seconds"]) == len(over_time["ok"]) == 4 * int(SPAN * RATE)
    assert Isolation().figure(record(drop=("victim",)))["baseline"] is None
