"""Plans of arrivals: sorted, of the right rate, the same for the same seed and however they are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.traffic.arrivals import ArrivalPlan, check_arrivals
from chaos.traffic.spec import Arrivals

rates = st.floats(0.01, 1e5)
ramps = st.builds(
    Arrivals,
    kind=st.just("ramp"),
    rate=st.just(0.0) | rates,
    to_rate=rates,
    seconds=st.floats(0.01, 1e4),
)
bursts = st.builds(Arrivals, kind=st.just("burst"), users=st.integers(1, 200), seconds=st.floats(0.001, 1e4))
random = st.builds(Arrivals, kind=st.sampled_from(["constant", "poisson"]), rate=rates) | ramps
schedules = random | bursts
seeds = st.integers(0, 2**63 - 1)


@given(schedules, seeds)
def test_times_are_sorted_and_not_before_the_start(arrivals: Arrivals, seed: int) -> None:
    times = ArrivalPlan(arrivals, seed).take(500)
    assert times[0] >= 0
    assert np.all(np.diff(times) >= 0)


@given(schedules, seeds, st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_cutting_does_not_change_the_plan(arrivals: Arrivals, seed: int, cuts: list[int]) -> None:
    plan = ArrivalPlan(arrivals, seed)
    pieces = np.concatenate([plan.take(count) for count in cuts])
    assert np.array_equal(ArrivalPlan(arrivals, seed).take(sum(cuts)), pieces)


@given(rates, seeds)
def test_a_constant_rate_is_even(rate: float, seed: int) -> None:
    times = ArrivalPlan(Arrivals("constant", rate=rate), seed).take(400)
    assert times[0] < 1 / rate
    assert np.allclose(np.diff(times) * rate, 1.0, atol=1e-9)


@given(ramps, seeds, st.floats(0.0, 2.0))
def test_a_ramp_has_sent_the_integral_of_its_rate(arrivals: Arrivals, seed: int, share: float) -> None:
    at = arrivals.seconds * share
    inside = min(at, arrivals.seconds)
    slope = (arrivals.to_rate - arrivals.rate) / arrivals.seconds
    expected = arrivals.rate * inside + slope * inside**2 / 2 + arrivals.to_rate * (at - inside)
    if expected < 20_000:
        times = ArrivalPlan(arrivals, seed).take(int(expected) + 10)
        assert abs(np.searchsorted(times, at) - expected) <= 1 + 1e-6


def test_a_ramp_to_nothing_ends() -> None:
    times = ArrivalPlan(Arrivals("ramp", rate=100.0, to_rate=0.0, seconds=2.0), 1).take(200)
    assert np.isfinite(times).sum() == 100
    assert np.all(times[:100] <= 2.0)


@pytest.mark.parametrize("seed", range(5))
def test_poisson_gaps_are_exponential(seed: int) -> None:
    from scipy.stats import kstest

    times = ArrivalPlan(Arrivals("poisson", rate=50.0), seed).take(5000)
    assert kstest(np.diff(times), "expon", args=(0, 1 / 50.0)).pvalue > 1e-4
    even = ArrivalPlan(Arrivals("constant", rate=50.0), seed).take(5000)
    assert kstest(np.diff(even), "expon", args=(0, 1 / 50.0)).pvalue < 1e-4


@given(bursts, seeds)
def test_a_burst_is_so_many_at_one_instant_at_once_and_then_every_so_often(
    arrivals: Arrivals, seed: int
) -> None:
    times = ArrivalPlan(arrivals, seed).take(5 * arrivals.users)
    instants, counts = np.unique(times, return_counts=True)
    assert np.allclose(instants, arrivals.seconds * np.arange(5))
    assert set(counts.tolist()) == {arrivals.users}


@given(random, seeds)
def test_seeds_differ(arrivals: Arrivals, seed: int) -> None:
    one, other = (ArrivalPlan(arrivals, each).take(50) for each in (seed, seed + 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    "arrivals",
    [
        Arrivals("constant"),
        Arrivals("constant", rate=-1.0),
        Arrivals("poisson", rate=float("nan")),
        Arrivals("poisson", rate=float("inf")),
        Arrivals("ramp", rate=0.0, to_rate=0.0, seconds=1.0),
        Arrivals("ramp", rate=1.0, to_rate=2.0),
        Arrivals("users"),
        Arrivals("burst", seconds=1.0),
        Arrivals("burst", users=3),
        Arrivals("burst", users=3, seconds=float("inf")),
        Arrivals("sometimes", rate=1.0),  # type: ignore[arg-type]
    ],
)
def test_senseless_numbers_are_refused(arrivals: Arrivals) -> None:
    with pytest.raises(ValueError, match=r"is |unknown|burst of"):
        check_arrivals(arrivals)


def test_users_have_no_plan() -> None:
    with pytest.raises(ValueError, match="no plan"):
        ArrivalPlan(Arrivals("users", users=1), 1)
