"""Nobody else dies: whoever is gone without a fault that names it, by the looks or by the error history."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.checks.survivors import Survivors
from chaos.history import Event
from chaos.sla.results import Verdict
from tests.checks.stories import START, evidence, fault, judged, model, state, states

CHECK = Survivors(check="survivors")
FAULT = fault("oom", {"model": "hungry"})
NAMED = evidence(12.0, "oom", "oom-1", model="hungry", by="kernel", pid=21)


def errors(*entries: tuple[int, str]) -> Event:
    told = [
        {"model": "hungry", "type": kind, "by": "", "pid": pid, "at": START + 12, "detail": ""}
        for pid, kind in entries
    ]
    return {"kind": "errors", "at": START + 29, "errors": told}


def lives(before: list[int], after: list[int], desired: int = 2) -> list[Event]:
    return [*states(5, 12, hungry=model(2, before)), *states(12, 29, hungry=model(desired, after))]


def test_only_the_named_one_died() -> None:
    result = judged(CHECK, FAULT, NAMED, lives([21, 22], [22, 23]), errors((21, "OOMKilled")))

    assert result.verdict is Verdict.PASS, result
    assert (result.estimate, result.limit, result.n) == (0, 0, 3)
    assert result.reason == "of 3 replicas seen none died but the 1 named by faults"


def test_nobody_died() -> None:
    assert judged(CHECK, FAULT, states(5, 29, iris=model(1, [1]))).reason == "of 1 replicas seen none died"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([lives([21, 22], [23, 24])], "pid 22 of model 'hungry' was gone, and no fault was to end it"),
        ([lives([21, 22], [22, 23]), errors((22, "Killed"))], "pid 22 of model 'hungry' died (Killed)"),
        ([lives([21, 22, 25], [23])], "and 1 more"),
    ],
)
def test_another_death_fails_and_is_named(parts: list[list[Event] | Event], words: str) -> None:
    result = judged(CHECK, FAULT, NAMED, *parts)

    assert result.verdict is Verdict.FAIL
    assert words in result.reason


def test_a_dead_replica_of_another_model_counts() -> None:
    beside = [
        state(10, iris=model(1, [1]), hungry=model(1, [21])),
        state(11, iris=model(1, [2]), hungry=model(1, [23])),
    ]

    assert "model 'iris'" in judged(CHECK, FAULT, NAMED, beside).reason


def test_scaling_is_no_death() -> None:
    assert judged(CHECK, lives([21, 22], [22], desired=1)).verdict is Verdict.PASS
    asked = evidence(12.1, "operation", "duplicates-1", model="hungry", start=START + 11.8, end=START + 12.1)
    assert judged(CHECK, asked, lives([21, 22], [23, 24])).verdict is Verdict.PASS
    elsewhere = asked | {"model": "iris"}
    assert judged(CHECK, elsewhere, lives([21, 22], [23, 24])).verdict is Verdict.FAIL


def test_a_replica_that_never_lived_did_not_die() -> None:
    assert judged(CHECK, lives([21], [21]), errors((99, "LoadFailed"))).verdict is Verdict.PASS


def test_a_round_names_the_living_and_excuses_no_death() -> None:
    around = evidence(11, "round", "duplicates-1", model="hungry", pids=[21, 22])

    assert judged(CHECK, around, lives([21, 22], [23, 24])).verdict is Verdict.FAIL


def test_processes_that_were_never_seen_are_unknown() -> None:
    result = judged(CHECK, FAULT, NAMED, errors((21, "OOMKilled")))

    assert result.verdict is Verdict.UNKNOWN


@given(st.lists(st.sets(st.integers(1, 6)), min_size=1, max_size=8), st.sets(st.integers(1, 6)))
def test_it_passes_exactly_if_who_left_was_named(living: list[set[int]], named: set[int]) -> None:
    looks = [state(10 + index, hungry=model(2, pids)) for index, pids in enumerate(living)]
    notes = [evidence(10, "process", "process-1", pid=pid, role="replica") for pid in named]
    verdict: Any = judged(CHECK, looks, notes).verdict

    left = {pid for now, later in pairwise(living) for pid in now - later}
    seen = set().union(*living)
    assert verdict is (Verdict.UNKNOWN if not seen else Verdict.FAIL if left - named else Verdict.PASS)
