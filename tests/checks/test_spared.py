"""Only its own: failures of others are counted from the intent to the revert, and each death excuses so many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.checks.results import CheckResult
from chaos.checks.spared import Spared
from chaos.sla.results import Verdict
from chaos.traffic.histogram import buckets_of, slot_of
from chaos.traffic.spec import Outcome
from tests.checks.stories import START, evidence, fault, frame, judged, probe, run

CHECK = Spared(check="spared", probe="victim", at_most=1)


def told(
    failed: dict[float, int], pids: tuple[int, ...] = (21,), check: Spared = CHECK, **fields: Any
) -> CheckResult:
    """A run with failures at some instants, and an OOM fault meant from 9.9 s on, in force from 12 s to 20 s."""
    bucket = int(buckets_of(np.array([0.005]))[0])
    cells = [[slot_of(START + at + 0.05), int(Outcome.RESET), bucket, count] for at, count in failed.items()]
    entry = {"cells": cells, "late": [], "planned": sum(failed.values())}
    failures = {"kind": "frame", "at": START + 29, "worker": "failures", "streams": {"victim": entry}}
    deaths = [
        evidence(11 + n, "oom", "oom-1", model="hungry", pid=pid, **fields) for n, pid in enumerate(pids)
    ]
    return judged(
        check, run(probe()), fault("oom", {"model": "hungry"}, injected=12.0), frame(2, 29), failures, deaths
    )


@given(st.integers(0, 5), st.integers(1, 3), st.integers(0, 2))
def test_each_death_excuses_so_many(failed: int, deaths: int, each: int) -> None:
    check = Spared(check="spared", probe="victim", at_most=each)
    result = told({15.0: failed}, pids=tuple(range(20, 20 + deaths)), check=check)

    assert (result.verdict is Verdict.PASS) == (failed <= deaths * each)
    assert (result.estimate, result.limit) == (failed, deaths * each)


def test_failures_before_the_fault_was_in_force_count_and_those_outside_do_not() -> None:
    assert told({11.0: 2}).verdict is Verdict.FAIL
    assert told({5.0: 50, 25.0: 50}).verdict is Verdict.PASS


def test_a_request_in_flight_when_the_fault_began_counts() -> None:
    bucket = int(buckets_of(np.array([3.0]))[0])
    entry = {"cells": [[slot_of(START + 8.05), int(Outcome.TIMEOUT), bucket, 2]], "late": [], "planned": 2}
    frames = {"kind": "frame", "at": START + 29, "worker": "w", "streams": {"victim": entry}}
    death = evidence(11, "oom", "oom-1", model="hungry", pid=21)
    result = judged(CHECK, run(probe()), fault("oom", {"model": "hungry"}), frame(2, 29), frames, death)

    assert (result.verdict, result.estimate) == (Verdict.FAIL, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"failed": {}, "pids": ()}, "nothing says that a process died"),
        (
            {"failed": {}, "check": Spared(check="spared", probe="victim", faults="process")},
            "of a fault 'process'",
        ),
        ({"failed": {}, "action": "stop"}, "nothing says that a process died"),
        (
            {"failed": {}, "check": Spared(check="spared", probe="other")},
            "no probe 'other' (there are: victim)",
        ),
    ],
)
def test_what_was_not_seen_is_unknown(arguments: dict[str, Any], words: str) -> None:
    result = told(**arguments)

    assert result.verdict is Verdict.UNKNOWN
    assert words in result.reason


def test_without_a_request_nothing_was_spared() -> None:
    death = evidence(11, "oom", "oom-1", model="hungry", pid=21)
    result = judged(CHECK, run(probe()), fault("oom", {"model": "hungry"}), frame(2, 8), death)

    assert result.verdict is Verdict.UNKNOWN
    assert "not one request" in result.reason
