"""I, judged: what is counted as left behind, torn, taken, lost or wrongly answered, and what cannot be told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chaos.cells.rollback import RollbackProcedure
from chaos.history import Event
from chaos.properties.base import CannotTell, Measure
from chaos.properties.record import CellRecord
from chaos.properties.rollback import Rollback
from chaos.sla.results import Verdict
from chaos.traffic.spec import Outcome
from tests.properties.test_standing import model, state

ROLLBACK = Rollback()
BEGIN = 100.0
BEFORE = state(a=model(2), bystander=model(1, first=200))
SCALED = state(a=model(3), bystander=model(1, first=200))


def answer(status: int = 500, words: str = "no memory", lost: bool = False, **more: Any) -> dict[str, Any]:
    return {"status": status, "words": words, "start": BEGIN + 1.0, "seconds": 0.2, "lost": lost, **more}


def case(how: str = "refused", after: Any = BEFORE, *answers: dict[str, Any], **more: Any) -> Event:
    told = {"name": "a case", "how": how, "asked": "the impossible", "rest": 0.1, "must": how == "refused"}
    wanted = {} if how == "refused" else {"model": "a", "workers": 3}
    given = {"answers": list(answers) or [answer()], "before": BEFORE, "after": after}
    return {"kind": "note", "at": BEGIN, "about": "case", **told, **wanted, **given, **more}


def requests(
    load: str, n: int = 40, lost: int = 0, seconds: float = 0.01, how: Outcome = Outcome.RESET
) -> Event:
    """Requests of a load, 50 ms apart, of which the first are lost."""
    rows = [
        [at, at, at + seconds, how if index < lost else Outcome.OK]
        for index, at in enumerate(BEGIN + 0.05 * number for number in range(n))
    ]
    return {"kind": "requests", "at": BEGIN, "load": load, "rows": rows}


def record(*events: Event) -> CellRecord:
    loads = [] if any(event["kind"] == "requests" for event in events) else [requests("bystander")]
    settings = RollbackProcedure.defaults
    return CellRecord("scale", "I", 1, settings, BEGIN, BEGIN + 9, "measured", "", (*events, *loads))


def failed(*events: Event) -> list[Measure]:
    """The measures that did not pass."""
    judged = record(*events)
    json.dumps(ROLLBACK.figure(judged))
    return [each for each in ROLLBACK.judge(judged) if each.verdict is not Verdict.PASS]


def test_all_as_before_passes() -> None:
    assert failed(case(), case("halfway", SCALED, retried=SCALED), case("done", SCALED, answer(200))) == []
    assert failed(case(), case("halfway", BEFORE, retried=SCALED)) == [], "not begun is as good as done"


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (SCALED, "model 'a' has 3 workers asked for, and had 2"),
        (state(bystander=model(1, first=200)), "no longer listed"),
        (state(strays=1, **BEFORE["models"]), "1 more process of no model"),
        (state(a=model(2), bystander=model(1, first=300)), "model 'bystander' has other processes"),
    ],
)
def test_what_a_refused_operation_leaves(after: Any, words: str) -> None:
    (measure,) = failed(case(), case(after=after, rest=None))

    assert (measure.name, measure.verdict, measure.timed) == (
        "cases that left something behind",
        Verdict.FAIL,
        False,
    )
    assert measure.reason.startswith("a case (the impossible): ")
    assert words in measure.reason
    assert (measure.estimate, measure.n) == (1, 2)


def test_a_lost_answer_may_leave_it_before_or_after_but_not_between() -> None:
    between = state(a=model(3, 2), bystander=model(1, first=200))
    (torn,) = failed(case(), case("halfway", between, retried=SCALED))
    (stuck,) = failed(case(), case("halfway", BEFORE, retried=BEFORE))

    assert torn.name == stuck.name == "states torn by a lost answer"
    assert "3 workers" not in torn.reason
    assert "2 workers ready, wanted 3" in torn.reason
    assert "after it was asked for again, model 'a' has 2 workers asked for, wanted 3" in stuck.reason


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (case("refused", BEFORE, answer(200, "Workers scaled")), "answered 200 ('Workers scaled'), though"),
        (case("refused", BEFORE, answer(500, "")), "500 without a reason"),
        (case("done", SCALED, answer(500, "busy")), "answered 500 ('busy')"),
    ],
)
def test_answers_that_are_wrong(given: Event, words: str) -> None:
    (measure,) = failed(case(), given)

    assert measure.name == "wrong answers"
    assert words in measure.reason


def test_an_answer_that_did_not_come_is_the_machines_fault_perhaps() -> None:
    late = answer(0, "no answer in time", seconds=20.0)
    (measure,) = failed(case("refused", BEFORE, answer()), case("refused", BEFORE, late))
    (restless,) = failed(case(), case(rest=None))

    assert (measure.name, measure.timed) == ("slowest answer", True)
    assert (restless.name, restless.timed) == ("late to rest", True)
    assert failed(case("refused", BEFORE, answer(0, "let go of", lost=True))) == []


def test_a_name_that_stays_taken() -> None:
    free = {
        "kind": "note",
        "at": BEGIN,
        "about": "free",
        "name": "register: exit",
        "model": "m",
        "reason": "",
    }
    (measure,) = failed(case(), free, {**free, "reason": "answered 409"})

    assert (measure.name, measure.n) == ("names that were not free again", 2)
    assert measure.reason == "register: exit: answered 409"


def test_inferences_that_were_lost_or_never_sent() -> None:
    (lost,) = failed(
        case(),
        requests("bystander", lost=2),
        requests("in flight", 3, seconds=2.0),
        case("done", SCALED, answer(200)),
    )
    (late,) = failed(case(), requests("bystander", lost=2, how=Outcome.TIMEOUT))
    (none,) = failed(case(), requests("bystander", 3))
    (unmet,) = failed(case(), requests("bystander"), requests("in flight", 3))

    assert (lost.verdict, lost.estimate, lost.n) == (Verdict.FAIL, 2, 43)
    assert "2 of 40 of 'bystander'" in lost.reason
    assert (lost.timed, late.timed, late.estimate) == (False, True, 2)
    assert none.verdict is unmet.verdict is Verdict.UNKNOWN
    assert "met" in unmet.reason


def test_what_cannot_be_told() -> None:
    skipped = {
        "kind": "note",
        "at": BEGIN,
        "about": "skipped",
        "case": "raise",
        "reason": "there is no package",
    }
    with pytest.raises(CannotTell, match="there is no package"):
        ROLLBACK.judge(record(skipped))
    with pytest.raises(CannotTell, match="no case was recorded"):
        ROLLBACK.judge(record())
    (measure,) = failed(case(), case(after=state(error="no answer"), rest=None))
    assert measure.verdict is Verdict.UNKNOWN
    assert "could not be read: 'a case': no answer" in measure.reason
    (measure, *_) = failed(case(after=state(error="no answer")), case(after=SCALED))
    assert measure.verdict is Verdict.FAIL, "what was read is judged all the same"


def test_the_figure_has_what_differs() -> None:
    figure = ROLLBACK.figure(record(case(after=SCALED), requests("bystander", lost=1)))

    (shown,) = figure["cases"]
    assert (shown["before"]["a"], shown["after"]["a"]) == ([2, 2, 2], [3, 3, 3])
    assert len(shown["wrong"]) == 3
    assert figure["loads"] == {"bystander": {"n": 40, "lost": 1}}
