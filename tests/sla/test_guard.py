"""The guard's sliding window against a brute-force reference, and what makes it trip."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.sla.documents import Guard
from chaos.sla.guard import BINS, GuardWatch
from chaos.traffic.histogram import seconds_of
from chaos.traffic.spec import Outcome

GUARD = Guard(target=0.99, burn_rate=10, window=5.0, at_least_requests=20)

Cells = list[list[int]]
cells = st.lists(
    st.tuples(st.just(0), st.integers(0, 7), st.integers(0, 2159), st.integers(1, 30)).map(list), max_size=3
)
feeds = st.lists(st.tuples(st.floats(0, 3), cells), max_size=40)


def entry(good: int = 0, bad: int = 0, bucket: int = 100) -> dict[str, Any]:
    """A stream's part of a frame."""
    return {"cells": [[0, int(Outcome.OK), bucket, good], [0, int(Outcome.RESET), bucket, bad]]}


def is_bad(guard: Guard, cell: list[int]) -> bool:
    """The definition, word for word."""
    slow = guard.slower_than is not None and float(seconds_of(cell[2])) > guard.slower_than
    return cell[1] != 0 or slow


@settings(deadline=None)
@given(feeds, st.sampled_from([0.5, 2.0, 7.0]), st.sampled_from([None, 0.01, 1.0]))
def test_it_trips_when_a_brute_force_reference_does(
    steps: list[tuple[float, Cells]], window: float, slower_than: float | None
) -> None:
    guard = Guard(target=0.9, burn_rate=4, window=window, slower_than=slower_than, at_least_requests=10)
    watch, history, at, width = GuardWatch(guard), [], 50.0, window / BINS
    for pause, found in steps:
        at += pause
        history.append((at, found))
        burn = watch.feed({"cells": found}, at)

        inside = [
            cell for when, part in history if int(when / width) > int(at / width) - BINS for cell in part
        ]
        n, bad = sum(cell[3] for cell in inside), sum(cell[3] for cell in inside if is_bad(guard, cell))
        expected = (bad / n) / (1 - 0.9) if n else 0.0
        assert watch.n == n
        assert watch.burn_rate == pytest.approx(expected)
        assert (burn is not None) == (n >= 10 and watch.burn_rate >= 4)


@settings(deadline=None)
@given(feeds)
def test_the_window_is_the_one_asked_for_but_for_one_step(steps: list[tuple[float, Cells]]) -> None:
    guard = Guard(target=0.9, burn_rate=4, window=2.0)
    watch, history, at = GuardWatch(guard), [], 50.0
    for pause, found in steps:
        at += pause
        history.append((at, sum(cell[3] for cell in found)))
        watch.feed({"cells": found}, at)
        step = 2.0 / BINS

        assert sum(n for when, n in history if when > at - 2.0 + step * 1.01) <= watch.n
        assert watch.n <= sum(n for when, n in history if when >= at - 2.0 - step * 0.01)


def test_it_trips_at_its_burn_rate_and_not_below() -> None:
    assert GuardWatch(GUARD).feed(entry(91, 9), 1.0) is None
    assert GuardWatch(GUARD).feed(entry(89, 11), 1.0) == pytest.approx(11.0)


def test_too_few_requests_never_trip_it() -> None:
    watch = GuardWatch(GUARD)

    assert watch.feed(entry(bad=19), 1.0) is None
    assert watch.feed(entry(bad=1), 1.1) == pytest.approx(100.0)


def test_slow_answers_are_bad_only_where_it_says_so() -> None:
    slow = entry(good=50, bucket=1500)

    assert GuardWatch(GUARD).feed(slow, 1.0) is None
    assert GuardWatch(GUARD.model_copy(update={"slower_than": 0.5})).feed(slow, 1.0) is not None


def test_it_forgets_what_left_the_window_and_holds_until_then() -> None:
    watch = GuardWatch(GUARD)

    assert watch.feed(entry(bad=30), 1.0) is not None
    assert watch.feed(entry(), 5.9) is not None
    assert watch.feed(entry(good=30), 6.1) is None
    assert watch.n == 30


def test_its_memory_does_not_grow_with_the_number_of_frames() -> None:
    watch = GuardWatch(GUARD)
    for step in range(20_000):
        watch.feed(entry(good=1), step * 0.001)

    bins = watch._bins
    assert isinstance(bins, deque)
    assert len(bins) <= BINS
