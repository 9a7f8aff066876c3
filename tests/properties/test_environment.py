"""When the environment spoils a cell: others on its processors do, however busy target and harness are themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.properties.base import Measure
from chaos.properties.environment import spoilt
from chaos.properties.judging import PROPERTIES, judge_cell
from chaos.properties.record import CellRecord
from chaos.sla.results import Verdict
from chaos.traffic.histogram import buckets_of

CALM = {"busy": 0.1, "own": 0.05}
CORES = 2


def _span(**values: Any) -> dict[str, Any]:
    usual = {"phase": "during", "seconds": 0.25, "cores": CORES, "busy": 0.0, "own": 0.0, "steal": 0.0}
    return {"kind": "environment", "at": 0.0, "running": 1, "complete": True, **usual, **values}


def _record(spans: Sequence[dict[str, Any]], outcome: str = "measured") -> CellRecord:
    return CellRecord("health", "E", 1, {}, 0.0, 10.0, outcome, "", tuple(spans))


def test_a_calm_machine_spoils_nothing() -> None:
    assert spoilt(_record([_span(**CALM)] * 40)) == ""


@given(st.lists(st.floats(0.0, CORES), min_size=1, max_size=60), st.floats(-0.1, 0.15))
def test_own_load_never_spoils(loads: list[float], error: float) -> None:
    """Whatever the target and the harness use, also when the clocks of processes and processors differ a little."""
    assert spoilt(_record([_span(busy=own + error, own=own) for own in loads])) == ""


@given(st.floats(0.0, 0.6))
def test_both_cores_taken_spoil(own: float) -> None:
    said = spoilt(_record([_span(busy=float(CORES), own=own)] * 40))
    assert "for 10.0 of 10.0 s others took" in said
    assert f"{CORES - own:.2f} of 2 processors" in said


def test_what_nobody_misses_spoils_nothing() -> None:
    others = {"busy": 0.8, "own": 0.5}
    assert spoilt(_record([_span(**others)] * 40)) == ""
    assert spoilt(_record([_span(busy=2.0, own=1.7)] * 40)) != "", "the same, where all is in use"


def test_a_short_burst_is_borne_and_a_long_one_is_not() -> None:
    burst = _span(busy=2.0, own=0.1)
    assert spoilt(_record([burst] * 4 + [_span(**CALM)] * 36)) == ""
    assert "for 2.0 of 10.0 s" in spoilt(_record([burst] * 8 + [_span(**CALM)] * 32))


def test_a_long_cell_bears_no_long_stretch() -> None:
    calm, burst = _span(**CALM), _span(busy=2.0)
    assert spoilt(_record(([calm] * 9 + [burst]) * 16)) == "", "four seconds in all, by quarters"
    assert "for 1.5 of 40.0 s" in spoilt(_record([calm] * 77 + [burst] * 6 + [calm] * 77))


@given(st.integers(0, 40), st.booleans())
def test_a_slow_null_probe_spoils_only_where_nothing_explains_it(slow: int, busy: bool) -> None:
    own = 1.6 if busy else 0.4
    spans = [{**_span(busy=own, own=own), "at": 0.25 * number} for number in range(1, 41)]
    quick, late = (int(buckets_of(np.array(seconds))) for seconds in (0.0004, 0.05))
    cells = [[number, 0, late if number < slow else quick, 5] for number in range(40)]
    noise = [
        {"kind": "noise", "at": 0.25 * number + 0.1, "cells": [cell]} for number, cell in enumerate(cells)
    ]
    said = spoilt(_record([*spans, *noise]))
    assert bool(said) is (slow > 2 and not busy)
    assert said == "" or said.startswith(f"{5 * slow} of 200 answers of the null probe took over 20 ms")


def test_what_the_hypervisor_takes_spoils() -> None:
    assert "and the hypervisor 0.40" in spoilt(_record([_span(busy=1.0, own=1.0, steal=0.4)] * 40))


def test_an_unseen_target_is_not_taken_for_others() -> None:
    before, during = _span(phase="before", complete=False, **CALM), _span(busy=1.9, complete=False)
    assert spoilt(_record([before, *[during] * 40])) == ""
    busy = _span(phase="before", complete=False, busy=1.9)
    assert spoilt(_record([busy, *[during] * 40])) != ""


def test_where_it_was_not_measured_nothing_is_said() -> None:
    assert spoilt(_record([])) == ""


class _Judge:
    code = "E"

    def judge(self, _record: CellRecord) -> list[Measure]:
        return [
            Measure("rate", self.verdict, "a rate of 3", 3.0, timed=True),
            Measure("lost", Verdict.PASS, "none is lost", 0.0),
        ]

    def figure(self, _record: CellRecord) -> dict[str, Any]:
        return {}

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_gate_makes_timed_measures_unknown_and_no_others(
    verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROPERTIES, "E", _Judge(verdict))
    record = _record([_span(busy=2.0)] * 40)

    rate, lost = judge_cell(record).measures
    assert (rate.verdict, lost.verdict) == (Verdict.UNKNOWN, Verdict.PASS)
    assert rate.reason.startswith("the environment spoilt it: for 10.0 of 10.0 s others took")
    assert rate.reason.endswith("(a rate of 3)")
    assert judge_cell(record).verdict is Verdict.UNKNOWN
    assert judge_cell(record, lambda _: "").verdict is verdict, "ungated it is what it was"
