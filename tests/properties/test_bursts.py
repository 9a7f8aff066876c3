"""The predicted rounds of a burst against a simulation of the servers, and who was overtaken."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.properties.base import CannotTell
from chaos.properties.bursts import Bursts, Plan, overtaken
from chaos.properties.record import Requests


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 60))
def test_rounds_are_those_of_a_simulation(workers: int, batch: int, size: int) -> None:
    free = [0] * workers
    ends: list[int] = []
    for first in range(0, size, batch):
        start = heapq.heappop(free)
        heapq.heappush(free, start + 1)
        ends += [start + 1] * min(batch, size - first)

    assert Plan(workers, batch, 1.0, 0.0, size).rounds(size).tolist() == sorted(ends)


def test_a_batch_that_is_not_full_may_take_its_delay_and_no_more() -> None:
    plan = Plan(workers=1, batch=2, service=1.0, delay=0.5, burst=3)
    rows = np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 2.4], [1.0, 1.2, 2.6], [1.0, 1.0, 1.9]])

    expected = np.array([[0, 0, 0], [0, 0, 0], [0, 0.2, 0.1], [0, 0, -0.1]])
    assert np.allclose(Bursts(rows).residuals(plan, 1.0), expected)


def test_the_first_burst_and_those_with_lost_requests_are_left_out() -> None:
    rows = [[start, start, start + 1 + start / 10, 0] for start in (0.0, 0.0, 5.0, 5.0, 10.0, 10.0)]
    rows[-1][3] = 6

    bursts = Bursts.of(Requests.of(rows), 2, "bursts")

    assert bursts.n == 1
    assert np.allclose(bursts.completed, [[1.5, 1.5]])
    with pytest.raises(CannotTell, match="no burst of the load 'bursts'"):
        Bursts.of(Requests.of(rows), 3, "bursts")


@given(st.permutations(list(range(8))))
def test_who_is_overtaken_is_answered_after_one_who_came_later(order: list[int]) -> None:
    rows = [[0.1 * i, 0.1 * i, 10.0 + order[i], 0] for i in range(8)]

    found = overtaken(Requests.of(rows), 0.05).tolist()

    assert found == [any(order[j] < order[i] for j in range(i + 1, 8)) for i in range(8)]
