"""Each check finds what it is there for in a made-up record, and nothing in one where all is well."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.operations.checks.judging import CHECKS, judge
from chaos.operations.record import ProgramRecord
from chaos.sla.results import Verdict
from tests.operations.synthetic import Story

LIMITS = {"workers": 100, "memory": 10 << 30, "worker_memory": 1 << 30, "batch": 1}


def found(record: ProgramRecord) -> dict[str, str]:
    return {each.check: each.words for each in judge(record)}


def test_nothing_is_found_where_all_is_well() -> None:
    record = (
        Story("a", "b", limits=LIMITS)
        .call("register", "a", 2)
        .standing(a=2)
        .call("describe", "a", told={"desired": 2, "workers": 2})
        .call("list", told=["a"])
        .call("scale", "a", 1000, "fail")
        .standing(a=2)
        .call("register", "b", 1, "fail", package="broken")
        .standing(a=2)
        .call("describe", "b", 0, "fail", status=404)
        .call("scale", "a", 3)
        .call("scale", "a", 3, same=True)
        .standing(a=3)
        .call("infer", "a", 0, told={"pid": 7})
        .call("unregister", "a", 0, "info", lost=True)
        .call("unregister", "a", 0, "fail", status=404, again=True, same=True)
        .standing()
        .rows("ok", "ok")
        .end()
    )

    assert found(record) == {}


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (
            Story("a").call("register", "a", 1, "fail", status=500),
            "was answered 500, and nothing",
        ),
        (Story("a").call("scale", "a", 2), "'scale a to 2' was answered 200, and cannot have been done"),
        (Story("a").call("register", "a", package="broken"), "cannot have been done"),
        (Story("a", limits=LIMITS).call("register", "a", 11), "cannot have been done"),
        (
            Story("a").call("register", "a", 1, "info", detail="no answer"),
            "was not answered: no answer",
        ),
        (Story("a").call("infer", "a"), "cannot have been done"),
        (
            Story("a").call("register", "a").call("describe", "a", told={"desired": 2, "workers": 2}),
            "'describe a' told of 2 workers asked for, not 1",
        ),
        (Story("a").call("register", "a").call("list", told=[]), "'list' left out model 'a'"),
        (Story("a").call("list", told=["a"]), "'list' told of model 'a'"),
    ],
)
def test_an_answer_that_the_model_does_not_give(story: Story, words: str) -> None:
    assert words in found(story.record())["model"]


def test_what_overlaps_needs_an_order() -> None:
    story = Story("a").call("register", "a", 1).standing(a=1)
    story.call("scale", "a", 2).call("scale", "a", 3, same=True)

    assert "linearizability" not in found(story.standing(a=3).record())

    lost = Story("a").call("register", "a", 1).standing(a=1)
    lost.call("scale", "a", 2).call("scale", "a", 3, same=True)
    violation = next(each for each in judge(lost.standing(a=1).record()) if each.check == "linearizability")

    assert "that it had 1 workers asked for after step 2" in violation.words
    assert violation.verdict is Verdict.FAIL


def test_what_fails_may_be_seen_while_it_is_tried_and_not_after() -> None:
    def told(at: float, workers: int) -> Story:
        story = Story("a").call("register", "a", 1).standing(a=1)
        story.call("scale", "a", 3, "fail", status=500, seconds=4.0)
        return story.call(
            "describe", "a", same=True, start=story.now + at, told={"desired": workers, "workers": 1}
        )

    assert "linearizability" not in found(told(1.0, 3).record())
    assert "linearizability" not in found(told(1.0, 1).record())
    assert "linearizability" in found(told(1.0, 2).record()), "a state that never was"
    assert "linearizability" in found(told(5.0, 3).record())


def test_what_is_being_unregistered_is_closed_and_may_still_be_described() -> None:
    def told(*, unregistered: bool, workers: int = 2) -> Story:
        story = Story("a").call("register", "a", 2).standing(a=2)
        story.call("scale", "a", 0, "fail", status=404)
        if unregistered:
            story.call("unregister", "a", 0, same=True, start=story.now, seconds=4.0)
        return story.call(
            "describe", "a", same=True, start=story.now + 1.0, told={"desired": workers, "workers": 0}
        )

    assert "linearizability" not in found(told(unregistered=True).record())
    assert "linearizability" in found(told(unregistered=True, workers=1).record()), "a state that never was"
    assert "linearizability" in found(told(unregistered=False).record()), "it was not there, and is"


def test_what_is_left_of_a_failed_operation() -> None:
    story = Story("a").call("register", "a", 1).standing(a=1).call("scale", "a", 1000, "fail")

    words = found(story.standing(None, a=(1, 1, 3)).record())["rollback"]

    assert words == "'scale a to 1000' failed, and left: model 'a' has 3 processes, wanted 1"


def test_equal_operations_that_end_as_two_would() -> None:
    story = Story("a").call("register", "a", 1).standing(a=1)
    story.call("scale", "a", 2).call("scale", "a", 2, same=True)

    assert (
        "model 'a' has 3 workers asked for, wanted 2"
        in found(story.standing(None, a=3).record())["idempotence"]
    )


def test_a_duplicate_that_is_answered_as_no_client_can_live_with() -> None:
    story = Story("a").call("register", "a", 1).standing(a=1)
    story.call("scale", "a", 2).call("scale", "a", 2, "fail", same=True, status=500, detail="crash")

    assert "was answered 500: crash" in found(story.standing(a=2).record())["idempotence"]


def test_what_never_comes_to_rest() -> None:
    story = Story("a").call("register", "a", 2)

    assert (
        "model 'a' has 1 processes, wanted 2"
        in found(story.standing(None, a=(2, 2, 1)).record())["convergence"]
    )

    ended = Story("a").call("register", "a", 2).standing(a=2).fault("intent").fault("reverted")
    assert "at the end" in found(ended.standing(None, when="end", a=(2, 1, 1)).record())["convergence"]


@pytest.mark.parametrize(("lead", "lost"), [(0.2, True), (0.01, False)])
def test_a_request_that_was_under_way_when_its_worker_left(lead: float, lost: bool) -> None:
    story = Story("a").call("register", "a", 1).standing(a=1)
    story.call("infer", "a", 0, "fail", status=503, seconds=1.0, milliseconds=300.0)
    story.call("unregister", "a", 0, same=True, start=story.now + lead, seconds=0.5)

    assert ("drain" in found(story.standing().record())) is lost


def test_a_fault_excuses_what_it_may_have_done() -> None:
    def told(*faults: str) -> dict[str, str]:
        story = Story("a").call("register", "a", 1).standing(a=1)
        for fault in faults[:1]:
            story.fault(fault)
        story.call("infer", "a", 0, "fail", status=503)
        for fault in faults[1:]:
            story.fault(fault)
        return found(story.record())

    assert "model" in told()
    assert told("intent", "reverted") == {}


def test_what_is_left_when_all_is_unregistered() -> None:
    story = Story("a").call("register", "a", 1).standing(a=1).standing(when="end", a=1)

    assert (
        "1 more process of no model"
        in found(story.standing(None, when="clean", strays=1).record())["release"]
    )


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (Story("a").rows("ok", "5xx"), "1 of 2 requests to a model that no step is about failed: 5xx"),
        (Story("a").rows("ok", seconds=3.0), "held up, up to 3.0 s"),
    ],
)
def test_others_that_feel_it(story: Story, words: str) -> None:
    assert words in found(story.record())["isolation"]


def test_each_check_has_a_name_of_its_own() -> None:
    names: list[Any] = [check.name for check in CHECKS]

    assert len(set(names)) == len(names)
