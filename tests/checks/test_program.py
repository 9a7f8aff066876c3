"""The check of a program is as bad as the worst violation of the property that it is about."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.checks.program import ProgramCheck
from chaos.checks.results import CheckResult
from chaos.documents import validated
from chaos.errors import DocumentError
from chaos.operations.checks.judging import CHECKS
from chaos.sla.results import Verdict
from tests.checks.stories import frame, judged, probe, run
from tests.operations.synthetic import Story


def told(story: Story | None, name: str = "") -> CheckResult:
    check = validated({"check": "program", "property": name}, ProgramCheck, "test")
    events: list[dict[str, Any]] = [] if story is None else list(story.events)
    return judged(check, run(probe()), *events, frame(2, 29))


def scaled(outcome: str) -> Story:
    story = Story("a").call("register", "a").standing(a=1).call("scale", "a", 2, outcome, status=500)
    return story.standing(a=1 if outcome == "fail" else 2)


def test_a_program_in_which_nothing_is_wrong_passes() -> None:
    story = Story("a").call("register", "a").standing(a=1)
    story.end(a=1)
    result = told(story)

    assert result.verdict is Verdict.PASS
    assert (result.estimate, result.n) == (0, 1)


def test_what_is_wrong_is_told() -> None:
    story = scaled("fail")
    story.end(a=1)
    result = told(story)

    assert result.verdict is Verdict.FAIL
    assert "'scale a to 2' was answered 500" in result.reason
    assert result.estimate == 1


def test_a_property_looks_for_its_own() -> None:
    story = scaled("fail")
    story.end(a=1)

    assert told(story, "model").verdict is Verdict.FAIL
    assert told(story, "release").verdict is Verdict.PASS


def test_one_that_did_not_end_cannot_be_told() -> None:
    story = Story("a").call("register", "a").standing(a=1)

    assert told(story).verdict is Verdict.UNKNOWN
    assert told(None).verdict is Verdict.UNKNOWN
    assert "no operation" in told(None).reason


def test_what_we_cut_short_says_nothing_of_the_target() -> None:
    story = Story("a").call("register", "a", 1, "info", detail="cut short")
    assert told(story).verdict is Verdict.FAIL
    story.events.append({"kind": "cut", "at": story.now, "step": 0})

    assert told(story).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("name", ["", *(check.name for check in CHECKS)])
def test_each_property_can_be_named(name: str) -> None:
    assert ProgramCheck(check="program", property=name).name == f"program {name}".strip()


def test_another_is_refused() -> None:
    with pytest.raises(DocumentError, match="did you mean 'rollback'"):
        told(None, "rolback")
