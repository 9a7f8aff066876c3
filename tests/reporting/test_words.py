"""Values are said in units people use, and nothing is said of what was not measured."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.analysis import analyse
from chaos.reporting.words import NOTHING, TIMES, ended, facts, interval, limit, quantity, rows, span
from chaos.sla.results import Verdict
from tests.reporting import histories


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, NOTHING),
        (0.0, "0 s"),
        (0.25, "250 ms"),
        (10.0, "10 s"),
        (150.0, "2 min 30 s"),
        (7260.0, "2 h 1 min"),
    ],
)
def test_spans(seconds: float | None, said: str) -> None:
    assert span(seconds) == said


@given(st.floats(min_value=0, max_value=1e9))
def test_any_span_is_short(seconds: float) -> None:
    assert re.fullmatch(r"[\d.e-]+ (µs|ms|s)|\d+ min \d+ s|\d+ h \d+ min", span(seconds))


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_no_number_is_a_dash(value: float | None) -> None:
    assert quantity(value, "share") == NOTHING


def test_quantities_have_their_unit() -> None:
    assert quantity(3.0, "ratio") == f"3{TIMES}"
    assert quantity(0.5, "share") == "50 %"
    assert quantity(0.99999, "share") != "100 %"
    assert quantity(50.0, "1/s") == "50/s"


def test_limits_say_their_side_and_intervals_their_width() -> None:
    result = analyse(histories.passing()).objectives[0]

    assert limit(result) == "at least 99.9 %"
    assert " to " in interval(result)
    assert interval(dataclasses.replace(result, low=0.5, high=0.5)) == ""
    assert interval(dataclasses.replace(result, low=None, high=None)) == ""


def test_rows_hold_every_result_once_and_the_worst_verdict() -> None:
    summary = analyse(histories.failing())
    table = rows(summary.objectives)

    assert sum(len(phases) for *_, phases in table) == len(summary.objectives)
    verdicts = {objective: verdict for _probe, objective, verdict, _phases in table}
    assert verdicts["availability"] is Verdict.FAIL
    assert verdicts["correctness"] is Verdict.PASS


def test_key_facts() -> None:
    told = dict(facts(analyse(histories.failing())))

    assert told["Seed"] == "7"
    assert told["Defects"] == "shared_queue"
    assert told["Mode"] == "occupy"
    assert told["Date"].endswith("UTC")
    assert dict(facts(analyse(histories.passing())))["Defects"] == "none"


def test_how_a_fault_ended() -> None:
    (cut,) = analyse(histories.guarded()).faults
    (open_,) = analyse(histories.broken_off()).faults

    assert ended(cut) == "cut short"
    assert "chaos recover" in ended(dataclasses.replace(open_, reason=""))
    assert ended(dataclasses.replace(cut, left="do it by hand")) == "NOT REVERTED: do it by hand"
    assert ended(dataclasses.replace(cut, injected=None, reason="")) == "never injected"
