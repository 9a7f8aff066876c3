"""J, judged: rounds that end elsewhere, answers that a duplicate may not get, and what cannot be told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.cells.idempotence import IdempotenceProcedure
from chaos.history import Event
from chaos.properties.base import CannotTell, Measure
from chaos.properties.idempotence import ACCEPTABLE, Idempotence, acceptable
from chaos.properties.record import CellRecord
from chaos.sla.results import Verdict
from tests.properties.test_standing import model, state

IDEMPOTENCE = Idempotence()
BEFORE = state(a=model(2), other=model(1, first=200))
AFTER = state(a=model(3), other=model(1, first=200))


def answer(status: int = 200, words: str = "", lost: bool = False, again: bool = False) -> dict[str, Any]:
    return {"status": status, "words": words, "start": 1.0, "seconds": 0.1, "lost": lost, "again": again}


def played(sort: str, after: Any = AFTER, *answers: dict[str, Any], **more: Any) -> Event:
    told = {"operation": "scale", "sort": sort, "round": 1, "model": "a", "wanted": 3, "spread": 0.0002}
    seen = {"answers": list(answers) or [answer(), answer()], "before": BEFORE, "after": after, "rest": 0.1}
    return {"kind": "note", "at": 1.0, "about": "round", "at_once": True, **told, **seen, **more}


ALL = tuple(played(sort) for sort in ("simultaneous", "sequence", "lost"))


def failed(*events: Event) -> list[Measure]:
    """The measures that did not pass."""
    settings = IdempotenceProcedure.defaults
    record = CellRecord("scale", "J", 1, settings, 0.0, 9.0, "measured", "", events)
    json.dumps(IDEMPOTENCE.figure(record))
    return [each for each in IDEMPOTENCE.judge(record) if each.verdict is not Verdict.PASS]


def test_one_end_state_passes() -> None:
    assert failed(*ALL) == []
    assert failed(*ALL, played("alone")) == []


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (state(a=model(5), other=model(1, first=200)), "model 'a' has 5 workers asked for, wanted 3"),
        (state(a=model(3, alive=5), other=model(1, first=200)), "model 'a' has 5 processes, wanted 3"),
        (state(strays=2, **AFTER["models"]), "2 more processes of no model"),
        (state(other=model(1, first=200)), "model 'a' is not listed"),
        (state(a=model(3)), "model 'other' is no longer listed"),
    ],
)
@pytest.mark.parametrize("sort", ["simultaneous", "sequence", "lost", "alone"])
def test_an_end_that_is_another(sort: str, after: Any, words: str) -> None:
    (measure,) = failed(*ALL, played(sort, after, rest=None))

    assert (measure.verdict, measure.timed, measure.estimate) == (Verdict.FAIL, False, 1)
    assert measure.reason.startswith("2 x 'scale' ")
    assert words in measure.reason


def test_a_model_that_was_to_go() -> None:
    gone = state(other=model(1, first=200))
    leaving = {"operation": "unregister", "wanted": 0, "before": gone}
    (measure,) = failed(*ALL, played("lost", **leaving))

    assert "model 'a' is still listed" in measure.reason
    assert failed(*ALL, played("lost", gone, answer(), answer(404), **leaving)) == []


@given(st.sampled_from(sorted(ACCEPTABLE)), st.integers(200, 599), st.text(max_size=20))
def test_every_2xx_is_acceptable_and_no_5xx(operation: str, status: int, words: str) -> None:
    if status < 300 or status == 409:
        assert acceptable(operation, status, words)
    if status >= 500 or 300 <= status < 400:
        assert not acceptable(operation, status, words)
    assert acceptable(operation, 400, f"{words} an update is in progress")


def test_answers_that_a_duplicate_may_not_get() -> None:
    (broken,) = failed(*ALL, played("sequence", AFTER, answer(), answer(500, "KeyError")))
    (missing,) = failed(*ALL, played("sequence", AFTER, answer(), answer(404, "no such model")))

    assert broken.name == missing.name == "wrong answers"
    assert "one was answered 500: KeyError" in broken.reason
    assert (
        failed(*ALL, played("lost", AFTER, answer(0, "let go of", lost=True), answer(409, again=True))) == []
    )


def test_an_answer_that_never_came() -> None:
    never = answer(0, "no answer in time")
    (stuck,) = failed(*ALL, played("simultaneous", AFTER, answer(), never))
    assert (stuck.name, stuck.timed) == ("slowest answer", False), "what it is about is long at rest"

    late, slow = failed(*ALL, played("simultaneous", AFTER, answer(), never, rest=None))
    assert (late.timed, slow.timed) == (True, True), "a busy machine would do as much"


def test_what_cannot_be_told() -> None:
    with pytest.raises(CannotTell, match="operations at once, some of them lost"):
        failed(*ALL[:2])
    with pytest.raises(CannotTell):
        failed()
    spread = played("simultaneous", spread=0.02, at_once=False)
    (measure,) = failed(spread, spread, *ALL)
    assert measure.verdict is Verdict.UNKNOWN
    assert "only 1 of 3 were simultaneous (the others within up to 20.0 ms)" in measure.reason
    (measure,) = failed(*ALL, played("lost", state(error="no answer"), rest=None))
    assert measure.verdict is Verdict.UNKNOWN


def test_a_failure_is_told_though_the_rest_was_not_played() -> None:
    (measure,) = failed(played("simultaneous", state(a=model(5)), rest=None))

    assert measure.name == "wrong ends of simultaneous ones"
