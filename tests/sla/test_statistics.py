"""Intervals cover what they claim to, by simulation; estimates equal those of known cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from chaos.sla.samples import Phase, Samples
from chaos.sla.statistics import (
    CONFIDENCE,
    Estimate,
    availability,
    correctness,
    interval,
    latency,
    proportion,
    quantile_needs,
    ratio,
    throughput,
)
from chaos.traffic.histogram import BUCKETS, buckets_of, quantile_of, seconds_of
from chaos.traffic.spec import Outcome

TIMEOUT = 5.0


def phase(at: NDArray[np.float64], seconds: NDArray[np.float64], length: float, outcome: int = 0) -> Phase:
    """A phase of one request at each of these offsets, with these latencies."""
    slot = (at / 0.1).astype(np.int64)
    ones = np.ones_like(slot)
    return Phase(
        Samples(slot, ones * outcome, buckets_of(seconds), ones), 0.1 * slot.astype(np.float64) + 0.05, length
    )


def of_cells(cells: list[tuple[int, int, int, int]], length: float = 10.0) -> Phase:
    """A phase of cells, whose slots count from its start."""
    samples = Samples.of(cells)
    return Phase(samples, np.clip((samples.slot + 0.5) * 0.1, 0, length), length)


def simulated(
    rng: np.random.Generator, length: float = 12.0, rate: float = 60.0, scale: float = 1.0
) -> Phase:
    """Poisson arrivals with log-normal latencies."""
    n = int(rng.poisson(rate * length))
    return phase(rng.uniform(0, length, n), scale * rng.lognormal(np.log(0.02), 0.4, n), length)


def covered(found: list[Estimate | None], truth: float) -> float:
    """The share of intervals that hold the truth, give or take half a bucket."""
    held = [e is not None and e.low * 0.995 <= truth <= e.high * 1.005 for e in found]
    return sum(held) / len(held)


def test_the_interval_of_a_p99_covers_the_true_p99() -> None:
    rng = np.random.default_rng(1)
    truth = float(stats.lognorm.ppf(0.99, 0.4, scale=0.02))
    found = [interval(latency(simulated(rng), 0.99, TIMEOUT), rng) for _ in range(100)]

    # Of 100 intervals of 95 % fewer than 87 hold the truth with a chance of 1 in 2,000.
    assert covered(found, truth) >= 0.87


def test_the_interval_of_a_ratio_covers_the_true_ratio() -> None:
    rng = np.random.default_rng(2)
    found = [
        ratio(latency(simulated(rng, scale=2.0), 0.99, TIMEOUT), latency(simulated(rng), 0.99, TIMEOUT), rng)
        for _ in range(100)
    ]

    assert covered(found, 2.0) >= 0.87


def test_the_interval_of_a_rate_covers_the_true_rate() -> None:
    rng = np.random.default_rng(3)
    found = [interval(throughput(simulated(rng)), rng) for _ in range(100)]

    assert covered(found, 60.0) >= 0.87


def test_requests_that_are_slow_together_make_the_interval_wider() -> None:
    rng = np.random.default_rng(4)
    at = np.sort(rng.uniform(0, 20, 2000))
    quick, slow = rng.lognormal(np.log(0.02), 0.2, 2000), rng.lognormal(np.log(0.2), 0.2, 2000)
    scattered = np.where(rng.random(2000) < 0.05, slow, quick)
    bursts = np.where((at % 10 > 4) & (at % 10 < 4.5), slow, quick)
    apart, together = (interval(latency(phase(at, s, 20.0), 0.9, TIMEOUT), rng) for s in (scattered, bursts))

    assert apart is not None
    assert together is not None
    assert together.high / together.low > 2 * apart.high / apart.low


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 99), st.just(0), st.integers(0, BUCKETS - 2), st.integers(1, 50)), min_size=1
    )
)
def test_a_quantile_is_that_of_the_histogram(cells: list[tuple[int, int, int, int]]) -> None:
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for _slot, _outcome, bucket, count in cells:
        counts[bucket] += count
    for quantile in (0.5, 0.9, 0.99):
        assert latency(of_cells(cells), quantile, TIMEOUT).value == pytest.approx(
            quantile_of(counts, quantile)
        )


cells = st.lists(
    st.tuples(st.integers(0, 99), st.integers(0, 7), st.integers(0, BUCKETS - 1), st.integers(1, 50)),
    max_size=30,
)


@settings(deadline=None)
@given(cells, st.sampled_from([0.5, 0.99]))
def test_failing_never_makes_a_quantile_better(
    found: list[tuple[int, int, int, int]], quantile: float
) -> None:
    answered = [(slot, 0, bucket, count) for slot, _outcome, bucket, count in found]
    failed = [(slot, outcome, 0 if outcome else bucket, count) for slot, outcome, bucket, count in found]
    if found:
        bound = min(latency(of_cells(answered), quantile, TIMEOUT).value, TIMEOUT)
        assert latency(of_cells(failed), quantile, TIMEOUT).value >= bound * 0.99


@settings(max_examples=25, deadline=None)
@given(cells, st.floats(0.01, 60))
def test_every_indicator_of_anything_is_in_its_interval_or_undefined(
    found: list[tuple[int, int, int, int]], length: float
) -> None:
    data = of_cells(found, length)
    rng = np.random.default_rng(5)
    for indicator in (availability(data), correctness(data), throughput(data), latency(data, 0.9, TIMEOUT)):
        estimate = interval(indicator, rng)
        if estimate is None:
            assert np.isnan(indicator.value)
        else:
            assert np.isfinite([estimate.low, estimate.value, estimate.high]).all()
            assert estimate.low <= estimate.value <= estimate.high


def test_a_request_that_failed_fast_counts_as_slower_than_every_answer() -> None:
    slowest = int(buckets_of(np.array(8.0)))
    data = of_cells([(0, Outcome.OK, slowest, 1), (1, Outcome.OK, 700, 97), (2, Outcome.REFUSED, 0, 2)])

    assert latency(data, 0.5, TIMEOUT).value == pytest.approx(float(seconds_of(700)))
    assert latency(data, 0.99, TIMEOUT).value == pytest.approx(8.0, rel=0.01)


def test_shares_and_rates_of_a_known_case() -> None:
    counts = {Outcome.OK: 80, Outcome.WRONG: 4, Outcome.HTTP_5XX: 16}
    data = of_cells([(index, outcome, 500, n) for index, (outcome, n) in enumerate(counts.items())])

    assert availability(data).value == pytest.approx(0.80)
    assert correctness(data).value == pytest.approx(80 / 84)
    assert throughput(data).value == pytest.approx(8.0)


@pytest.mark.parametrize("share", [availability, correctness, throughput])
def test_a_ratio_to_nothing_is_undefined(share: Callable[[Phase], object]) -> None:
    rng = np.random.default_rng(6)
    data, nothing = of_cells([(1, 0, 500, 9)]), of_cells([(1, Outcome.RESET, 500, 9)])

    assert ratio(throughput(data), throughput(nothing), rng) is None
    assert interval(correctness(nothing), rng) is None


def test_a_proportion_has_the_interval_of_the_textbook() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263.
    found = proportion(81, 263)

    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert proportion(50, 50).high == pytest.approx(1.0)


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99, 0.999])
def test_what_a_quantile_needs_is_the_least_that_bounds_it(quantile: float) -> None:
    needed, tail = quantile_needs(quantile), (1 - CONFIDENCE) / 2

    assert (
        stats.binom.pmf(needed, needed, quantile) <= tail < stats.binom.pmf(needed - 1, needed - 1, quantile)
    )


def test_a_long_phase_costs_no_more_than_a_short_one() -> None:
    rng = np.random.default_rng(7)
    n = 20000
    indicator = latency(phase(rng.uniform(0, 3600, n), rng.lognormal(-4, 0.4, n), 3600.0), 0.99, TIMEOUT)

    assert indicator.counts.shape[0] == 400
    assert interval(indicator, rng) is not None
