"""Programs as a person reads them, and how often what failed comes again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chaos.operations.program import Program
from chaos.reporting.verify.summary import summarise
from chaos.reporting.verify.words import (
    again_said,
    failure_said,
    lane_letter,
    numbered,
    rate_said,
    speed_said,
    steps_said,
)
from chaos.sla.rates import Rate
from tests.reporting.verify.searches import SMALLEST, failing, not_again


def said(*steps: dict[str, Any]) -> list[str]:
    return steps_said(Program.model_validate({"steps": steps}).steps)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"do": "register", "model": "a", "workers": 2}, "register a with 2 workers"),
        (
            {"do": "register", "model": "a", "package": "broken"},
            "register a with 1 worker (package 'broken')",
        ),
        ({"do": "scale", "model": "a", "workers": 0}, "scale a to 0"),
        ({"do": "infer", "model": "a", "milliseconds": 300.0}, "infer a for 300 ms"),
        ({"do": "list"}, "list"),
        (
            {"do": "unregister", "model": "a", "lose": "early"},
            "unregister a, waiting for no answer, and asking again",
        ),
        ({"quiesce": True}, "wait until nothing moves"),
        ({"inject": "link", "arguments": {"action": "down", "toxic": ""}}, "inject link (action down)"),
        ({"concurrent": [[{"do": "list"}]]}, "list"),
        ({"concurrent": [[{"do": "list"}]] * 4}, "4 times at once: list"),
    ],
)
def test_a_step(step: dict[str, Any], words: str) -> None:
    assert said(step) == [words]


def test_a_program() -> None:
    assert numbered(said(*SMALLEST)).splitlines() == [
        "1. register a with 2 workers",
        "2. inject process on a (action stop)",
        "3. at once: (a) scale a to 3; (b) scale a to 4, then list; (c) infer a for 300 ms",
        "4. revert process",
        "5. describe a",
    ]


def test_lanes_that_are_alike_are_said_once() -> None:
    infer, leave = [{"do": "infer", "model": "a"}], [{"do": "unregister", "model": "a"}]

    assert said({"concurrent": [leave, infer, infer, infer]}) == [
        "at once: (a) unregister a; (b to d) infer a"
    ]
    assert [lane_letter(place) for place in (0, 25, 26, 27)] == ["a", "z", "aa", "bb"]


def test_how_often() -> None:
    assert rate_said(Rate(5, 5)) == "5 of 5 times (48 % to 100 %)"
    assert rate_said(Rate(0, 0)) == "in no run, as there was none"
    assert (speed_said(6.993), speed_said(None)) == ("7.0 operations/s", "\N{EN DASH}")


def test_how_small_it_got_and_how_often_it_comes_again() -> None:
    (failure,) = summarise(failing()).failures
    text = " ".join(again_said(failure))

    assert "it failed 5 of 5 times" in text
    assert "Made smaller in 31 runs, from 12 operations and faults to 7, it fails 4 of 5 times" in text
    assert "may be left" not in text
    assert "may be left" in " ".join(again_said(replace(failure, whole=False)))
    assert "does not get smaller" in " ".join(again_said(replace(failure, program=failure.smallest)))
    assert failure_said(failure).startswith("linearizability: model 'a': no order")
    assert "not in the history" in failure_said(replace(failure, violations=()))


def test_what_did_not_come_again_or_broke_off() -> None:
    (failure,) = summarise(not_again()).failures

    assert "did not come again when the program was run 5 times more" in again_said(failure)[0]
    assert "run once more" in again_said(replace(failure, again=Rate(0, 1)))[0]
    (cut,) = summarise(failing()[:-2]).failures
    assert again_said(cut) == [
        "The verification broke off before it was known how often it comes again. "
        "It was at 7 operations and faults of 12 by then."
    ]
