"""One end state: every account of the number of workers has to be the wanted one, after each round and at the end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.checks.end_state import EndState
from chaos.checks.results import CheckResult
from chaos.history import Event
from chaos.sla.results import Verdict
from tests.checks.stories import evidence, fault, judged, model, state, states

CHECK = EndState(check="end_state", model="iris", workers=3)
BEFORE = states(5, 9.9, iris=model(2, [11, 12]))
AFTER = states(20.1, 29, iris=model(2, [11, 12]))
FAULT = fault("duplicates", {"model": "iris", "workers": 3, "rounds": 5})


def after(number: int, **changes: Any) -> Event:
    """The note about a round after which all was well, but for the changes."""
    note = {
        "spread": 0.0004, "acceptable": True, "answers": {"200": 8}, "processes": 3, "wanted": 3, "settled_in": 0.2,
        "described": {"desired": 3, "workers": 3, "pids": [11, 12, 13]}, "round": number,
    }  # fmt: skip
    return evidence(9.9 + 2 * number, "round", "duplicates-1", **(note | changes))


def told(
    third: dict[str, Any] | None = None, end: dict[str, Any] | None = None, rounds: int = 5
) -> CheckResult:
    """Two workers, five rounds with three, the third with changes, and a state at the end."""
    notes = [after(number, **((third or {}) if number == 3 else {})) for number in range(1, rounds + 1)]
    last = model(2, [11, 12]) if end is None else end
    return judged(
        CHECK, FAULT, notes, BEFORE, states(10, 20, iris=model(3, [11, 12, 13])), state(29, iris=last)
    )


def test_one_end_state_passes_with_its_numbers() -> None:
    result = told()

    assert result.verdict is Verdict.PASS, result
    assert result.name == "end_state iris"
    assert (result.estimate, result.limit, result.n) == (3, 3, 6)
    assert result.reason.endswith("after each of 5 rounds; at the end 2 as before")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"processes": 11}, "after round 3 of 5: 11 processes, wanted 3"),
        ({"described": {"desired": 3, "workers": 2}}, "2 workers ready, wanted 3"),
        ({"described": {"desired": 5, "workers": 3}}, "5 of workers asked for as described, wanted 3"),
        ({"described": {}}, "no workers ready"),
        ({"acceptable": False, "answers": {"200": 7, "500": 1}}, "not acceptable (7 of 200, 1 of 500)"),
        ({"settled_in": None}, "did not settle"),
    ],
)
def test_each_deviation_after_a_round_fails_and_is_named(changes: dict[str, Any], words: str) -> None:
    result = told(changes)

    assert result.verdict is Verdict.FAIL
    assert result.reason.startswith("after round 3 of 5: ")
    assert words in result.reason


@pytest.mark.parametrize(
    "end", [model(2, range(11)), model(2, [1]), model(3, [1, 2, 3]), model(2, [1, 2], workers=1)]
)
def test_a_deviation_at_the_end_fails(end: dict[str, Any]) -> None:
    result = told(end=end)

    assert result.verdict is Verdict.FAIL
    assert result.reason.startswith("at the end of the run: ")
    assert result.limit == 2


def test_replicas_that_no_model_claims_fail_unless_they_are_just_being_started() -> None:
    well = model(2, [11, 12])
    rounds = [after(number) for number in range(1, 6)]
    result = judged(CHECK, FAULT, rounds, BEFORE, states(20, 29, strays=2, iris=well))
    brief = judged(CHECK, FAULT, rounds, BEFORE, AFTER, state(29, strays=2, iris=well))

    assert result.verdict is Verdict.FAIL
    assert "2 more processes of no model" in result.reason
    assert brief.verdict is Verdict.PASS


def test_what_was_not_seen_is_unknown() -> None:
    state_only = judged(CHECK, FAULT, states(5, 29, iris=model(3, [1, 2, 3])))
    assert (state_only.verdict, "no round" in state_only.reason) == (Verdict.UNKNOWN, True)
    assert told(rounds=4).reason == "only 4 of 5 rounds of duplicates were recorded"
    assert told(rounds=4).verdict is Verdict.UNKNOWN
    assert told(end=model(2, [1, 2], counted=False)).verdict is Verdict.UNKNOWN

    rounds = [after(number) for number in range(1, 6)]
    never = judged(CHECK, FAULT, rounds, states(5, 29, error="refused"))
    assert (never.verdict, "refused" in never.reason) == (Verdict.UNKNOWN, True)
    early = judged(CHECK, FAULT, rounds, BEFORE)
    assert (early.verdict, "after the last round" in early.reason) == (Verdict.UNKNOWN, True)
    late = judged(CHECK, FAULT, rounds, AFTER)
    assert (late.verdict, "before the duplicates" in late.reason) == (Verdict.UNKNOWN, True)


def test_a_failure_counts_although_the_rest_is_missing() -> None:
    assert told({"processes": 11}, rounds=4).verdict is Verdict.FAIL


def test_rounds_of_another_model_are_not_its_business() -> None:
    others = [after(number, model="other", processes=99) for number in range(1, 6)]
    result = judged(CHECK, FAULT, others, states(5, 29, iris=model(3, [1, 2, 3])))

    assert result.verdict is Verdict.UNKNOWN


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_it_passes_exactly_if_all_three_accounts_agree(desired: int, ready: int, alive: int) -> None:
    end = model(desired, range(alive), workers=ready)

    assert (told(end=end).verdict is Verdict.PASS) == (desired == ready == alive == 2)


FIELDS = ["processes", "described", "answers", "settled_in", "acceptable"]


@given(st.dictionaries(st.sampled_from(FIELDS), st.none(), min_size=1))
def test_a_note_without_a_number_never_passes(changes: dict[str, Any]) -> None:
    assert (told(changes).verdict is Verdict.PASS) == (set(changes) == {"answers"})
