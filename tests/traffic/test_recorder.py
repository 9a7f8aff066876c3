"""The recorder: counts what a plain loop would count, and takes the same memory whatever it has counted."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.traffic.histogram import buckets_of, slot_of
from chaos.traffic.recorder import Recorder
from chaos.traffic.spec import Outcome

requests = st.tuples(
    st.floats(0.0, 1e6), st.floats(0.0, 10.0), st.floats(0.0, 100.0), st.sampled_from(list(Outcome))
)


def _bucket(seconds: float) -> int:
    return int(buckets_of(np.array([seconds]))[0])


@given(st.lists(requests | st.just("flush"), max_size=80), st.integers(1, 20))
def test_it_counts_as_a_plain_loop_does(
    steps: list[tuple[float, float, float, Outcome] | str], capacity: int
) -> None:
    recorder = Recorder(capacity)
    cells: Counter[tuple[int, int, int]] = Counter()
    late: Counter[int] = Counter()
    seen_cells: Counter[tuple[int, int, int]] = Counter()
    seen_late: Counter[int] = Counter()
    recorded = 0
    for step in [*steps, "flush"]:
        if isinstance(step, str):
            got_cells, got_late = recorder.flush()
            for slot, outcome, bucket, count in got_cells:
                assert count > 0
                seen_cells[slot, outcome, bucket] += count
            for bucket, count in got_late:
                seen_late[bucket] += count
            continue
        intended, lateness, latency, outcome_ = step
        started, ended = intended + lateness, intended + latency
        recorder.record(intended, started, ended, outcome_)
        recorded += 1
        cells[slot_of(intended), int(outcome_), _bucket(ended - intended)] += 1
        late[_bucket(started - intended)] += 1
        assert recorder.total == recorded
    assert seen_cells == cells
    assert seen_late == late
    assert recorder.flush() == ([], [])


@given(st.lists(requests | st.just("rows"), max_size=80), st.integers(1, 20))
def test_each_request_is_kept_once_in_its_order(
    steps: list[tuple[float, float, float, Outcome] | str], capacity: int
) -> None:
    recorder = Recorder(capacity, each=True)
    kept: list[list[float]] = []
    expected: list[list[float]] = []
    for step in [*steps, "rows"]:
        if isinstance(step, str):
            rows = recorder.rows()
            assert rows is not None
            kept += rows
            continue
        intended, lateness, latency, outcome = step
        recorder.record(intended, intended + lateness, intended + latency, outcome)
        expected.append([intended, intended + lateness, intended + latency, outcome])
    assert np.allclose(np.reshape(kept, (-1, 4)), np.reshape(expected, (-1, 4)), rtol=0, atol=1e-6)
    counted = sum(count for *_, count in recorder.flush()[0])
    assert counted == len(expected) == recorder.total, "they are counted, too"
    assert recorder.rows() == []


def test_without_each_no_request_is_kept() -> None:
    recorder = Recorder()
    recorder.record(1.0, 1.0, 1.5, Outcome.OK)
    assert recorder.rows() is None


def test_recording_takes_no_memory() -> None:
    recorder = Recorder(1000)

    def round_of(count: int) -> None:
        for number in range(count):
            recorder.record(100.0 + number * 1e-5, 100.0, 100.5 + number * 1e-6, number % 8)
        recorder.flush()

    round_of(2000)
    tracemalloc.start()
    try:
        round_of(2000)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(20):
            round_of(2000)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4096
    assert peak - before < 2_000_000


def test_without_a_flush_only_distinct_cells_are_kept() -> None:
    recorder = Recorder(100)
    for _ in range(10_000):
        recorder.record(5.0, 5.0, 5.25, Outcome.OK)
    cells, late = recorder.flush()
    assert cells == [[slot_of(5.0), 0, _bucket(0.25), 10_000]]
    assert late == [[0, 10_000]]


def test_a_capacity_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Recorder(0)
