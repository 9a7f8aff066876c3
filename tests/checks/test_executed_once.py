"""Nothing twice: a repetition fails, and a record that cannot be whole proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.checks.executed_once import ExecutedOnce
from chaos.checks.results import CheckResult
from chaos.sla.results import Verdict
from chaos.traffic.spec import Outcome
from tests.checks.stories import START, frame, judged, probe, run

CHECK = ExecutedOnce(check="executed_once")
ANSWERED = 500


def told(first: dict[str, Any] | None = None, **changes: Any) -> CheckResult:
    """500 right answers and 500 wrong ones, and a record of executions."""
    record = {
        "kind": "executions", "at": START + 29, "counted": True, "total": 900, "models": {"iris": 900},
        "repeated": [], "repeats": 0,
    }  # fmt: skip
    return judged(CHECK, first or run(probe()), frame(5, 15), frame(15, 25, Outcome.RESET), record | changes)


def test_nothing_twice_passes_with_its_numbers() -> None:
    result = told()

    assert result.verdict is Verdict.PASS, result
    assert (result.estimate, result.limit, result.n) == (0, 0, 900)


def test_a_repetition_fails_and_is_named() -> None:
    result = told(repeats=3, repeated=[["iris", "ab-7", 3], ["iris", "ab-9", 2]])

    assert result.verdict is Verdict.FAIL
    assert result.estimate == 3
    assert (
        "3 of 900 executions were repetitions: request 'ab-7' to model 'iris' was executed 3 times"
        in result.reason
    )


def test_a_repetition_fails_also_in_a_damaged_record() -> None:
    assert told(repeats=1, repeated=[["iris", "x", 2]], counted=False).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"counted": False}, "damaged"),
        ({"models": {"other": 900}}, "not whole: 0 for model 'iris', and 500 right answers"),
        ({"first": run(probe(payload={"x": 1}))}, "no request with a 'nonce'"),
        ({"first": run(probe(payload={"x": "{nonce}"}))}, "no request with a 'nonce'"),
        ({"kind": "other"}, "were not recorded"),
    ],
)
def test_a_record_that_proves_nothing_is_unknown(changes: dict[str, Any], words: str) -> None:
    result = told(**changes)

    assert result.verdict is Verdict.UNKNOWN
    assert words in result.reason


@given(st.integers(0, 2 * ANSWERED))
def test_fewer_executions_than_answers_never_pass(executed: int) -> None:
    verdict = told(total=executed, models={"iris": executed}).verdict

    assert verdict is (Verdict.PASS if executed >= ANSWERED else Verdict.UNKNOWN)


def test_the_answers_of_all_probes_of_a_model_are_added_up() -> None:
    both = run(probe(), probe("second"))
    result = judged(
        CHECK, both, frame(5, 15), frame(5, 15, name="second"),
        {"kind": "executions", "at": START + 29, "counted": True, "total": 999, "models": {"iris": 999},
         "repeated": [], "repeats": 0},
    )  # fmt: skip

    assert result.verdict is Verdict.UNKNOWN
    assert "1000 right answers" in result.reason
