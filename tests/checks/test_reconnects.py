"""Links come back in time: seen in the target's states, or by the first answer that a client gets again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.checks.reconnects import Reconnects
from chaos.checks.results import CheckResult
from chaos.history import Event
from chaos.sla.results import Verdict
from chaos.traffic.spec import Outcome
from tests.checks.stories import fault, frame, judged, model, probe, run, state, states

CHECK = Reconnects(check="reconnects", within=5.0)
IRIS: Any = {"iris": model(1, [11])}


def at(moment: float, *up: bool, kind: str = "manager") -> Event:
    """A look at links of a kind."""
    links = [("manager" if kind == "manager" else f"replica-iris-{n}", "", one) for n, one in enumerate(up)]
    if kind == "replica":
        links = [(name, "iris", one) for name, _model, one in links]
    return state(moment, links=links, **IRIS)


def looks(until_down: float, until_up: float, end: float = 29.0, kind: str = "manager") -> list[Event]:
    """A link that stands, is down for a while, and stands again."""
    return [
        at(tenth / 10, not until_down <= tenth / 10 < until_up, kind=kind)
        for tenth in range(20, round(end * 10))
    ]


def manager(**changes: Any) -> list[Event]:
    return fault("link", {"link": "manager", "toxic": "down"}, **changes)


def test_the_time_from_restored_to_up_is_measured() -> None:
    result = judged(CHECK, manager(), looks(10.3, 20.7))

    assert result.verdict is Verdict.PASS, result
    assert result.estimate == pytest.approx(0.7)
    assert (result.limit, result.unit, result.n) == (5.0, "s", 1)
    assert "'manager'" in result.reason


@given(st.integers(102, 280))
def test_it_fails_exactly_if_it_took_too_long(back: int) -> None:
    result = judged(CHECK, manager(), looks(10.1, back / 10))

    assert (result.verdict is Verdict.PASS) == (back / 10 <= 25.0)
    assert result.estimate == pytest.approx(max(back / 10 - 20, 0), abs=1e-6)


def test_a_cut_between_two_looks_is_told_by_how_long_the_link_stands() -> None:
    stands = [("manager", "", True)]
    before = [state(tenth / 10, links=stands, **IRIS) for tenth in range(20, 100)]
    again, unbroken = (
        [state(tenth / 10, links=stands, stood=stood, **IRIS) for tenth in range(202, 290)]
        for stood in (20.1, 9.0)
    )
    assert judged(CHECK, manager(), before, again).verdict is Verdict.PASS
    assert "was not noticed" in judged(CHECK, manager(), before, unbroken).reason


def test_a_link_that_never_comes_back_fails() -> None:
    result = judged(CHECK, manager(), looks(10.3, 99))

    assert result.verdict is Verdict.FAIL
    assert "was not up 5 s after link-1, nor later" in result.reason


def test_the_slowest_of_several_counts() -> None:
    faults = manager(intent=3.9, injected=4, reverted=6) + manager(number=2)
    found = [look for look in looks(4.2, 6.2) if look["at"] < 1009] + [
        x for x in looks(10.3, 22) if x["at"] >= 1009
    ]
    result = judged(CHECK, faults, found)

    assert (result.verdict, result.n) == (Verdict.PASS, 2)
    assert result.estimate == pytest.approx(2.0)
    assert "the slowest of 2" in result.reason


def test_links_count_although_something_else_could_not_be_read() -> None:
    found = [look | {"error": "reading the processes took more than 1 s"} for look in looks(10.3, 20.7)]

    assert judged(CHECK, manager(), found).verdict is Verdict.PASS


def test_a_look_that_did_not_see_the_links_says_nothing_of_them() -> None:
    blind = [state(at / 10, links=None, error="refused", **IRIS) for at in range(100, 230)]
    seen = [look for look in looks(10.3, 25.7) if not 1010 <= look["at"] < 1023]

    assert "was not noticed" in judged(CHECK, manager(), seen, blind).reason
    assert judged(CHECK, manager(), looks(10.3, 20.7), blind).estimate == pytest.approx(0.7)


def test_a_cut_that_cannot_be_told_does_not_hide_one_that_fails() -> None:
    unseen = fault("link", {"link": "replica", "model": "iris"}, intent=1.9, injected=2, reverted=3, number=2)

    assert judged(CHECK, unseen, manager(), looks(10.3, 99)).verdict is Verdict.FAIL
    assert judged(CHECK, unseen, manager(), looks(10.3, 26)).verdict is Verdict.FAIL
    assert judged(CHECK, unseen, manager(), looks(10.3, 21)).verdict is Verdict.UNKNOWN


def test_a_replica_that_was_replaced_needs_a_link_of_its_own() -> None:
    cut = fault("link", {"link": "replica", "model": "iris", "toxic": "down"})
    before = [at(second / 10, True, True, kind="replica") for second in range(50, 100)]
    during = [at(second / 10, True, False, kind="replica") for second in range(100, 200)]
    one_less = [at(second / 10, True, kind="replica") for second in range(200, 220)]
    again = [at(second / 10, True, True, kind="replica") for second in range(220, 290)]

    assert judged(CHECK, cut, before, during, one_less, again).estimate == pytest.approx(2.0)
    assert judged(CHECK, cut, before, during, one_less * 5).verdict is Verdict.UNKNOWN
    forever = [at(second / 10, True, kind="replica") for second in range(200, 290)]
    assert judged(CHECK, cut, before, during, forever).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([manager(), looks(99, 99)], "was not noticed"),
        ([manager(), states(2, 29, **IRIS)], "was not read before"),
        ([manager(), looks(10.3, 99, end=23)], "was not watched for 5 s"),
        ([manager(reverted=None), looks(10.3, 99)], "not reverted"),
        ([manager(injected=None), looks(10.3, 99)], "not in force"),
        ([looks(10.3, 20)], "no link at all was cut"),
        ([fault("link", {"link": "replica", "model": "iris"}), looks(10.3, 20)], "was not read before"),
    ],
)
def test_what_was_not_seen_is_unknown(events: list[list[Event]], words: str) -> None:
    result = judged(CHECK, *events)

    assert result.verdict is Verdict.UNKNOWN
    assert words in result.reason


def clients(*frames: list[Event], via: dict[str, str] | None = None) -> CheckResult:
    """A cut of the link to the target, and a probe that goes through it."""
    first = run(probe(**({"via": "client"} if via is None else via)))
    cut = fault("link", {"link": "client", "toxic": "down"})
    return judged(Reconnects(check="reconnects", link="client"), first, cut, *frames)


def test_clients_are_back_with_their_first_answer() -> None:
    result = clients(frame(2, 10), frame(10, 21.5, Outcome.REFUSED), frame(21.5, 29))

    assert result.verdict is Verdict.PASS, result
    assert result.name == "reconnects client"
    assert result.estimate == pytest.approx(1.6, abs=0.02)


def test_clients_that_are_never_answered_again_fail() -> None:
    assert clients(frame(2, 10), frame(10, 29, Outcome.REFUSED)).verdict is Verdict.FAIL
    assert clients(frame(2, 10), frame(10, 26.5, Outcome.TIMEOUT), frame(26.5, 29)).verdict is Verdict.FAIL


def test_clients_who_did_not_notice_or_were_not_there_are_unknown() -> None:
    assert "was not noticed" in clients(frame(2, 29)).reason
    assert "no probe goes via" in clients(frame(2, 10), frame(10, 20, Outcome.RESET), via={}).reason
    assert "was not watched" in clients(frame(2, 10), frame(10, 21, Outcome.RESET)).reason


def test_only_the_link_that_is_asked_for_is_judged() -> None:
    check = Reconnects(check="reconnects", link="replica")

    assert "no link replica was cut" in judged(check, manager(), looks(10.3, 20)).reason
