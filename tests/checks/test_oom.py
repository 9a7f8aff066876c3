"""Out of memory has to be named, with who did it, and healed in time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.checks.oom import Oom
from chaos.checks.results import CheckResult
from chaos.history import Event
from chaos.sla.results import Verdict
from tests.checks.stories import START, evidence, fault, judged, model, state, states

CHECK = Oom(check="oom", model="hungry", within=10.0)
FAULT = fault("oom", {"model": "hungry"}, injected=12.1)
DEATH = evidence(12.3, "oom", "oom-1", model="hungry", by="kernel", pid=21)


def error(pid: int = 21, at: float = 12.0, **changes: Any) -> dict[str, Any]:
    """What the target's error history says of a replica."""
    entry = {
        "model": "hungry",
        "type": "OOMKilled",
        "by": "kernel",
        "pid": pid,
        "at": START + at,
        "detail": "",
    }
    return entry | changes


def errors(*entries: dict[str, Any]) -> Event:
    return {"kind": "errors", "at": START + 29.5, "errors": list(entries)}


def lives(back: float, end: float = 29.0) -> list[Event]:
    """Pids 21 and 22; 21 dies at 12 s, and 23 is there at ``back``."""
    return [
        *states(5, 12, hungry=model(2, [21, 22])),
        state(12.0, hungry=model(2, [21, 22])),  # the process is still being torn down
        *states(12.1, min(back, end), hungry=model(2, [22])),
        *states(back, end, hungry=model(2, [22, 23])),
    ]


def told(*parts: Event | list[Event]) -> CheckResult:
    return judged(CHECK, FAULT, *parts)


def test_named_and_replaced_passes_with_who_did_it() -> None:
    result = told(DEATH, lives(14.0), errors(error()))

    assert result.verdict is Verdict.PASS, result
    assert result.estimate == pytest.approx(2.0)
    assert (result.limit, result.unit, result.n) == (10.0, "s", 1)
    assert "killed by the kernel, named OOMKilled; capacity was back after 2 s" in result.reason


def test_the_limit_of_the_platform_is_told_from_the_kernel() -> None:
    assert "by the limit that the platform sets" in told(DEATH, lives(14.0), errors(error(by="limit"))).reason


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([error(type="Killed", by="")], "calls it Killed"),
        ([], "does not name it"),
        ([error(pid=99)], "does not name it"),
        ([error(model="other")], "does not name it"),
    ],
)
def test_a_death_that_is_not_named_oom_fails(entries: list[dict[str, Any]], words: str) -> None:
    result = told(DEATH, lives(14.0), errors(*entries))

    assert result.verdict is Verdict.FAIL
    assert f"pid 21 died of OOM, and the target's error history {words}" in result.reason


@given(st.integers(121, 280))
def test_capacity_that_is_back_too_late_fails(back: int) -> None:
    result = told(DEATH, lives(back / 10), errors(error()))

    assert (result.verdict is Verdict.PASS) == (back <= 220)
    assert result.estimate == pytest.approx(back / 10 - 12, abs=0.05)


def test_capacity_that_never_comes_back_fails() -> None:
    result = told(DEATH, lives(99), errors(error()))

    assert result.verdict is Verdict.FAIL
    assert "not back 10 s after pid 21 died of OOM, nor later" in result.reason


def test_a_replacement_that_is_not_ready_is_no_capacity() -> None:
    idle = states(12.1, 29, hungry=model(2, [22, 23], workers=1))

    assert (
        told(DEATH, states(5, 12, hungry=model(2, [21, 22])), idle, errors(error())).verdict is Verdict.FAIL
    )


def test_the_worst_of_several_deaths_counts() -> None:
    second = evidence(20.0, "oom", "oom-1", model="hungry", by="kernel", pid=22)
    rest = [*states(20.1, 24, hungry=model(2, [23])), *states(24, 29, hungry=model(2, [23, 24]))]
    result = told(DEATH, second, lives(14.0, end=20.0), rest, errors(error(), error(pid=22, at=20.0)))

    assert (result.verdict, result.n) == (Verdict.PASS, 2)
    assert result.estimate == pytest.approx(4.0)


def test_a_look_that_counted_nobody_says_nothing() -> None:
    blind = states(12.05, 14, hungry=model(2, [22, 23], counted=False))

    assert told(DEATH, lives(14.0), blind, errors(error())).estimate == pytest.approx(2.0)


def test_a_death_that_cannot_be_told_does_not_hide_one_that_fails() -> None:
    second = evidence(20.0, "oom", "oom-1", model="hungry", by="unknown", pid=22)
    unclear, wrong = error(pid=22, at=20.0, by=""), error(type="Exited")

    assert told(second, DEATH, lives(14.0), errors(unclear, wrong)).verdict is Verdict.FAIL
    assert told(second, DEATH, lives(24.0), errors(unclear, error())).verdict is Verdict.FAIL
    assert told(second, DEATH, lives(14.0), errors(unclear, error())).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([lives(14), errors(error())], "nothing says that a replica of model 'hungry' ran out of memory"),
        ([DEATH, lives(14)], "error history was not read"),
        ([DEATH, errors(error())], "was never read"),
        ([DEATH, lives(99, end=20), errors(error())], "until 10 s after its death"),
        (
            [DEATH, states(5, 29, hungry=model(2, [22, 23], counted=False)), errors(error())],
            "were not counted",
        ),
        ([DEATH | {"by": "unknown"}, lives(14), errors(error(by=""))], "nothing says what killed pid 21"),
    ],
)
def test_what_was_not_seen_is_unknown(parts: list[Event | list[Event]], words: str) -> None:
    result = told(*parts)

    assert result.verdict is Verdict.UNKNOWN
    assert words in result.reason
