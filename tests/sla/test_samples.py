"""Attribution of requests to phases, and the requests that never completed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.sla.results import Window
from chaos.sla.samples import LOST, NONE, Samples, StreamRecord, attribute, split
from chaos.traffic.histogram import buckets_of
from chaos.traffic.spec import Outcome

WINDOWS = (Window("baseline", 100.0, 110.0), Window("fault", 110.0, 120.0), Window("recovery", 120.0, 130.0))
QUICK = int(buckets_of(np.array(0.005)))

Cell = tuple[int, int, int, int]
cells = st.lists(
    st.tuples(st.integers(950, 1350), st.integers(0, 7), st.integers(0, LOST - 1), st.integers(1, 9)),
    max_size=40,
)


def bucket(seconds: float) -> int:
    """The bucket of a duration."""
    return int(buckets_of(np.array(seconds)))


@pytest.mark.parametrize(
    ("slot", "seconds", "owner"),
    [
        (999, 0.005, NONE),
        (1000, 0.005, 0),
        (1050, 4.5, 0),
        (1050, 6.0, 1),
        (1099, 0.005, 1),
        (1098, 0.005, 0),
        (1098, 0.2, 1),
        (1100, 0.005, 1),
        (1199, 30.0, 1),
        (1200, 30.0, 2),
        (1299, 0.005, 2),
        (1300, 0.005, NONE),
        (990, 60.0, 1),
    ],
)
def test_a_request_belongs_to_the_phase_it_was_meant_to_start_in_unless_the_fault_caught_it(
    slot: int, seconds: float, owner: int
) -> None:
    # 1099 ends with the instant at which the fault began: its slowest requests were still in flight.
    assert attribute(Samples.of([(slot, 0, bucket(seconds), 1)]), WINDOWS).tolist() == [owner]


def test_a_slot_that_the_fault_touches_is_of_the_fault_on_both_sides() -> None:
    windows = (
        Window("baseline", 100.0, 110.07),
        Window("fault", 110.07, 120.03),
        Window("recovery", 120.03, 130.0),
    )
    samples = Samples.of([(slot, Outcome.RESET, 0, 1) for slot in (1099, 1100, 1200, 1201)])

    assert attribute(samples, windows).tolist() == [0, 1, 1, 2]


@settings(deadline=None)
@given(cells)
def test_no_request_is_counted_twice_or_forgotten(found: list[Cell]) -> None:
    samples = Samples.of(found)
    phases = split(samples, WINDOWS)
    outside = samples.where(attribute(samples, WINDOWS) == NONE)

    assert (
        sum(phase.samples.n for phase in phases.values()) + outside.n == samples.n == sum(c[3] for c in found)
    )
    for phase in phases.values():
        assert np.all((phase.offset >= 0) & (phase.offset <= phase.seconds))


def test_a_phase_that_is_entered_twice_is_judged_as_one() -> None:
    windows = (Window("fault", 100.0, 101.0), Window("recovery", 101.0, 102.0), Window("fault", 102.0, 104.0))
    phases = split(Samples.of([(1005, 0, QUICK, 1), (1025, 0, QUICK, 2)]), windows)

    assert phases["fault"].seconds == pytest.approx(3.0)
    assert phases["fault"].samples.n == 3
    assert phases["fault"].offset.tolist() == pytest.approx([0.55, 1.55])


def test_a_phase_in_which_nothing_was_sampled_is_there() -> None:
    assert {name: phase.samples.n for name, phase in split(Samples.of([]), WINDOWS).items()} == {
        "baseline": 0, "fault": 0, "recovery": 0,
    }  # fmt: skip


def entry(found: list[Cell], planned: int) -> dict[str, Any]:
    """A stream's part of a frame."""
    return {"cells": found, "late": [], "planned": planned}


def recorded(rate: list[int], lost: dict[int, int], offset: float = 0.0) -> StreamRecord:
    """A stream of ``rate[i]`` requests in slot ``1000 + i``, of which some never completed."""
    stream, planned = StreamRecord(), 0
    for index, number in enumerate(rate):
        planned += number
        answered = number - lost.get(index, 0)
        found = [(1000 + index, int(Outcome.OK), QUICK, answered)] if answered else []
        stream.feed(entry(found, planned), 100.0 + (index + 1) * 0.1 + offset)
    return stream


def test_what_never_completed_is_a_failure_at_the_time_it_was_planned_for() -> None:
    samples = recorded([10] * 100, {40: 5, 70: 2}).samples()
    missing = samples.where(samples.bucket == LOST)

    assert samples.n == 1000
    assert samples.lost == 7
    assert dict(zip(missing.slot.tolist(), missing.count.tolist(), strict=True)) == {1040: 5, 1070: 2}
    assert set(missing.outcome.tolist()) == {Outcome.TIMEOUT}


@pytest.mark.parametrize("seed", range(5))
def test_frames_that_do_not_end_with_slots_move_it_by_little(seed: int) -> None:
    rng = np.random.default_rng(seed)
    planned = np.sort(rng.uniform(100.0, 110.0, 1000))
    lost = (planned >= 105.0) & (planned < 105.2)
    stream = StreamRecord()
    before = 0.0
    for at in 100.04 + 0.1 * np.arange(102):
        done = planned[~lost & (planned > before) & (planned <= at)]
        found = [(int(instant / 0.1), int(Outcome.OK), QUICK, 1) for instant in done]
        stream.feed(entry(found, int((planned <= at).sum())), float(at))
        before = at
    missing = stream.samples()
    missing = missing.where(missing.bucket == LOST)

    assert missing.n == lost.sum()
    assert np.average(missing.slot, weights=missing.count) == pytest.approx(1051, abs=5)


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.data(), st.floats(0, 0.09))
def test_planned_requests_are_all_there_whatever_is_lost(
    rate: list[int], data: st.DataObject, shift: float
) -> None:
    lost = {index: data.draw(st.integers(0, number)) for index, number in enumerate(rate)}
    samples = recorded(rate, lost, shift).samples()

    assert samples.n == sum(rate)
    assert samples.lost == sum(lost.values())
    assert samples.slot.size == 0 or (samples.slot.min() >= 998 and samples.slot.max() <= 1001 + len(rate))


def test_a_worker_that_was_killed_before_it_answered_anything_lost_all() -> None:
    stream = StreamRecord()
    stream.feed(entry([], 10), 100.05)
    stream.feed(entry([], 30), 100.15)

    assert stream.samples().lost == 30


def test_only_what_might_still_have_been_answered_is_left_out_of_a_run_that_broke_off() -> None:
    samples = recorded([10] * 100, {40: 5, 95: 2}).samples().censored(after=108.0)

    assert samples.lost == 5
    assert samples.n == 998
