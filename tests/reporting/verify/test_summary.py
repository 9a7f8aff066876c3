"""A verification passes only if every program that was planned did; a history cut anywhere is told, and no pass."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.errors import RunDirectoryError
from chaos.history import Event
from chaos.reporting.verify.document import verify_document
from chaos.reporting.verify.markdown import render_job_summary
from chaos.reporting.verify.page import render_page
from chaos.reporting.verify.summary import summarise
from chaos.reporting.verify.write import render_cases
from chaos.sla.rates import Rate
from chaos.sla.results import Verdict
from tests.reporting.verify.searches import (
    FOUND,
    SMALLEST,
    example,
    failing,
    hostile,
    not_again,
    passing,
    undecided,
)


def test_a_pass() -> None:
    found = summarise(passing())

    assert found.verdict is Verdict.PASS
    assert found.reason == "all 4 programs pass, of 32 operations"
    assert (found.operations, found.rate, found.seconds) == (32, 16.0, 5.0)
    assert found.coverage.points["scale", "one", "alone", "none", "ok"] == 8
    assert found.coverage.programs == 4
    assert [each.at for each in found.examples] == [1.0, 2.0, 3.0, 4.0]
    assert [each.examples for each in found.memory] == [1, 4]


def test_a_failure_that_came_again() -> None:
    found = summarise(failing())
    (failure,) = found.failures

    assert found.verdict is Verdict.FAIL
    assert found.reason.startswith(
        "linearizability failed in a program of 7 operations and faults, 4 of 5 times"
    )
    assert (failure.again, failure.rate, failure.runs, failure.whole) == (Rate(5, 5), Rate(4, 5), 31, True)
    assert failure.reproduced
    assert failure.ended
    assert failure.program.document() == FOUND
    assert failure.smallest.document() == SMALLEST
    assert "no order of the operations" in failure.words[0]
    assert len(replace(failure, violations=failure.violations * 2).words) == 1
    assert failure.record is not None
    assert failure.record.program["attempt"] == 9
    assert len(failure.record.calls) == 6


def test_a_failure_that_did_not_come_again_is_one() -> None:
    found = summarise(not_again())

    assert found.verdict is Verdict.FAIL
    assert "did not come again" in found.reason
    assert not found.failures[0].reproduced


def test_what_broke_off_while_it_was_confirmed_is_a_failure() -> None:
    events = failing()
    cut = next(place for place, event in enumerate(events) if event["kind"] == "failure")
    found = summarise(events[:cut])
    (failure,) = found.failures

    assert found.verdict is Verdict.FAIL
    assert not failure.ended
    assert (failure.check, failure.again, failure.runs) == ("linearizability", Rate(0, 0), 3)
    assert failure.program.document() == FOUND
    assert failure.smallest.document() == SMALLEST
    assert failure.record is not None


def test_an_example_that_failed_is_enough() -> None:
    found = summarise([*passing()[:2], example(2, 5002.0, failed=["drain"])])

    assert found.verdict is Verdict.FAIL
    assert found.failures[0].record is None
    assert "drain failed" in found.reason


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda events: events.pop(), "4 of 4 programs ran, and none failed: it broke off"),
        (lambda events: events[-1].update(ended="cut short"), "cut short"),
        (lambda events: events.pop(4), "3 of 4 programs ran, and none failed: no more were drawn"),
        (
            lambda events: events[1].update(unknown=["too many"]),
            "1 thing could not be told: example 1: too many",
        ),
        (
            lambda events: events.append({"kind": "problem", "at": 1.0, "text": "it leaks"}),
            "in doubt: it leaks",
        ),
        (lambda events: events[0].update(examples=0) or events.__delitem__(slice(1, -1)), "0 of 0 programs"),
    ],
)
def test_what_is_no_pass(spoil: Callable[[list[Event]], object], words: str) -> None:
    events = copy.deepcopy(passing())
    spoil(events)
    found = summarise(events)

    assert found.verdict is Verdict.UNKNOWN
    assert words in found.reason


def test_doubts_are_told() -> None:
    found = summarise(undecided())

    assert found.verdict is Verdict.UNKNOWN
    assert found.problems == ("a model was left",)
    assert found.unknown == ("example 1: model 'a': 300000 configurations were not enough",)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda events: events.clear(),
        lambda events: events.pop(0),
        lambda events: events[0].pop("seed"),
        lambda events: events[1].pop("points"),
        lambda events: events[1].update(points=[["register", 3]]),
        lambda events: events[1].update(at="soon"),
        lambda events: next(each for each in events if each["kind"] == "judged").update(attempt=77),
        lambda events: next(each for each in events if each["kind"] == "judged").update(violations=[{}]),
        lambda events: next(each for each in events if each["kind"] == "failure").update(
            smallest=[{"do": "x"}]
        ),
        lambda events: next(each for each in events if each["kind"] == "failure").update(again=[1]),
        lambda events: [each.pop("operation", 0) for each in events if each["kind"] == "call"],
    ],
)
def test_what_cannot_be_understood_is_said(spoil: Callable[[list[Event]], object]) -> None:
    events = copy.deepcopy(failing())
    spoil(events)

    with pytest.raises(RunDirectoryError):
        summarise(events)


HISTORIES = [passing(), failing(), not_again(), undecided(), hostile()]


@settings(deadline=None)
@given(
    st.sampled_from(HISTORIES).flatmap(lambda all_: st.integers(1, len(all_)).map(lambda cut: (all_, cut)))
)
def test_cut_anywhere_it_can_be_told_and_is_no_pass(where: tuple[list[Event], int]) -> None:
    events, cut = where
    found = summarise(events[:cut])

    whole = cut == len(events) and events is HISTORIES[0]
    assert (found.verdict is Verdict.PASS) is whole
    green = 'failures="0" errors="0"' in render_cases(found, Path("reports/x"))
    assert green is whole
    json.dumps(verify_document(found), allow_nan=False)
    assert found.run_id in render_page(found, Path("reports/x"))
    assert render_job_summary(found, Path("reports/x"))
