"""The bootstrap's intervals, and the verdicts between two limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from chaos.properties.base import CannotTell
from chaos.properties.resampling import blocks, drawn_again, within
from chaos.sla.results import Verdict
from chaos.sla.statistics import Estimate


def mean(units: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.nanmean(units, axis=tuple(range(1, units.ndim))))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(60):
        units = np.random.default_rng(seed).normal(5.0, 1.0, 30)
        found = drawn_again(mean, units, seed=seed)
        assert found.low <= found.value <= found.high
        held += found.low <= 5.0 <= found.high

    assert 50 <= held <= 60


def test_moments_are_drawn_as_a_whole() -> None:
    """Ten moments of a hundred equal values each are ten values, not a thousand."""
    levels = np.random.default_rng(1).normal(5.0, 1.0, 10)
    moments = blocks(np.repeat(np.arange(10.0), 100), np.repeat(levels, 100), 1.0)

    assert moments.shape == (10, 100)
    found = drawn_again(mean, moments, seed=1)
    alone = drawn_again(mean, levels, seed=1)
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high))


def test_moments_of_different_length_are_filled_up() -> None:
    moments = blocks(np.array([10.0, 10.1, 10.3, 11.6]), np.arange(4.0), 0.5)

    assert np.array_equal(moments, np.array([[0, 1, 2], [3, np.nan, np.nan]]), equal_nan=True)
    assert blocks(np.array([]), np.array([]), 0.5).shape == (0, 0)


def test_samples_are_drawn_independently_and_the_same_for_the_same_seed() -> None:
    rng = np.random.default_rng(2)
    above, below = rng.normal(10, 1, 20), rng.normal(5, 1, 12)

    def ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.median(a, axis=1) / np.median(b, axis=1))

    found = drawn_again(ratio, above, below, seed=3)

    assert 1.5 < found.low < 2.0 < found.high < 2.7
    assert found == drawn_again(ratio, above, below, seed=3)
    assert found != drawn_again(ratio, above, below, seed=4)


def test_few_units_have_no_interval() -> None:
    with pytest.raises(CannotTell, match="3 repetitions were measured, of which at least 4"):
        drawn_again(mean, np.array([1.0, 2.0, 3.0]), seed=1)


@given(st.floats(0, 3), st.floats(0, 1), st.floats(0, 1))
def test_within_is_pass_inside_fail_beyond_and_unknown_across(
    value: float, below: float, above: float
) -> None:
    found = Estimate(value, value - below, value + above)
    measure = within("it", (1.0, 2.0), found, n=9, says="so")

    if value - below > 2.0 or value + above < 1.0:
        assert measure.verdict is Verdict.FAIL
    elif value - below >= 1.0 and value + above <= 2.0:
        assert measure.verdict is Verdict.PASS
    else:
        assert measure.verdict is Verdict.UNKNOWN
        assert "the interval holds a limit" in measure.reason
    assert measure.timed
