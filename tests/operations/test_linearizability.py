"""The search agrees with trying everything, finds what is known of published histories, and keeps to its budget."""

from __future__ import annotations

import os
import random
from itertools import count
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.operations.linearizability import Budget, Call, linearizable
from chaos.sla.results import Verdict
from tests.operations.etcd import LOGS, EtcdRegister, calls_of
from tests.operations.registers import Register, brute_force

EXAMPLES = int(os.environ.get("CHAOS_HISTORIES", "1000"))
values = st.integers(0, 2)
asked = st.one_of(
    st.just(("read",)),
    st.tuples(st.just("write"), values),
    st.tuples(st.just("cas"), values, values),
    st.tuples(st.just("roll"), values, values),
)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    what = draw(asked)
    start, length = draw(st.integers(0, 8)), draw(st.integers(0, 6))
    if draw(st.integers(0, 4)) == 0:
        return Call(what, None, start)
    answers = {"read": values, "write": st.none(), "cas": st.booleans(), "roll": st.none()}
    return Call(what, draw(answers[what[0]]), start, start + length)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(calls(), max_size=6))
def test_it_agrees_with_brute_force(history: list[Call]) -> None:
    found = linearizable(history, Register())

    assert found.verdict is (Verdict.PASS if brute_force(history, Register()) else Verdict.FAIL)


@settings(max_examples=300, deadline=None)
@given(st.lists(calls(), max_size=6))
def test_the_order_explains_the_answers(history: list[Call]) -> None:
    found = linearizable(history, Register())

    states, latest = {Register().initial()}, -inf
    for number in found.order:
        call = history[number]
        latest = max(latest, call.start)
        assert call.end >= latest, "the order respects the instants"
        states = {after for state in states for after in Register().step(state, call)}
        assert states
    if found.verdict is Verdict.PASS:
        assert {number for number, call in enumerate(history) if call.known} <= set(found.order)
    else:
        assert found.stuck
        assert not set(found.stuck) & set(found.order)


def register_history(number: int, clients: int, seed: int, lie: float = 0.0, lost: float = 0.0) -> list[Call]:
    """Calls of a real register by clients that wait for each answer; some answers are wrong, some never come."""
    generator = random.Random(seed)
    free, value, made = [0.0] * clients, 0, list[Call]()
    points: list[tuple[float, int, float, float, tuple[str, int]]] = []
    for index in range(number):
        client = generator.randrange(clients)
        start = free[client] + generator.random()
        end = start + generator.random() * 4
        free[client] = end
        what = ("write", index + 1) if generator.random() < 0.5 else ("read", 0)
        points.append((generator.uniform(start, end), index, start, end, what))
    for _, _, start, end, (asked_for, written) in sorted(points):
        if asked_for == "write":
            value = written
            ends = inf if generator.random() < lost else end
            made.append(Call(("write", written), None, start, ends))
        else:
            told = value - 1 if generator.random() < lie else value
            made.append(Call(("read",), told, start, end))
    generator.shuffle(made)
    return made


@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_calls_of_eight_clients_are_decided(seed: int) -> None:
    found = linearizable(register_history(1000, 8, seed), Register())
    assert found.verdict is Verdict.PASS

    wrong = linearizable(register_history(1000, 8, seed, lie=0.005), Register())
    assert wrong.verdict is Verdict.FAIL
    assert len(wrong.order) < 1000


def test_answers_that_never_came_are_borne() -> None:
    found = linearizable(register_history(300, 4, 7, lost=0.05), Register())

    assert found.verdict is Verdict.PASS


def test_what_would_take_too_long_is_unknown() -> None:
    # all writes overlap, and the read of a value that none of them wrote comes last
    history = [Call(("write", value), None, 0, 10) for value in range(1, 30)]
    history.append(Call(("read",), 99, 11, 12))

    few = linearizable(history, Register(), Budget(configurations=5000))
    assert few.verdict is Verdict.UNKNOWN
    assert "5000 configurations" in few.reason

    ticks = count()
    brief = linearizable(history, Register(), Budget(seconds=3), clock=lambda: float(next(ticks)))
    assert brief.verdict is Verdict.UNKNOWN
    assert "within 3 s" in brief.reason


def test_the_published_examples() -> None:
    # of MIT's 6.824, quiz 2 of 2017, section VII, as Porcupine's tests have them
    write = Call(("write", 100), None, 0, 100)
    assert (
        linearizable([write, Call(("read",), 100, 25, 75), Call(("read",), 0, 30, 60)], Register()).verdict
        is Verdict.PASS
    )
    found = linearizable(
        [Call(("write", 200), None, 0, 100), Call(("read",), 200, 10, 30), Call(("read",), 0, 40, 90)],
        Register(),
    )
    assert found.verdict is Verdict.FAIL
    assert 2 in found.stuck
    # reads that begin and end at one instant
    zero = [Call(("write", 100), None, 0, 100), Call(("read",), 100, 25, 75)]
    zero += [Call(("read",), 0, 30, 30), Call(("read",), 0, 30, 30)]
    assert linearizable(zero, Register()).verdict is Verdict.PASS


def test_nothing_happened() -> None:
    assert linearizable([], Register()).verdict is Verdict.PASS


@pytest.mark.parametrize("name", LOGS)
def test_what_jepsen_recorded_of_etcd(name: str) -> None:
    expected, log = LOGS[name]

    found = linearizable(calls_of(log), EtcdRegister())

    assert found.verdict is (Verdict.PASS if expected else Verdict.FAIL)
