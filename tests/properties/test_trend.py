"""Known slopes in, known slopes out; noise is no trend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.properties.base import CannotTell
from chaos.properties.trend import trend

AT = np.arange(40.0) + 1e5


@given(st.floats(-1e3, 1e3), st.floats(-1e6, 1e6))
def test_a_line_has_its_slope(slope: float, start: float) -> None:
    found = trend(AT, start + slope * (AT - AT[0]), "it")

    assert found.slope == pytest.approx(slope, rel=1e-6, abs=1e-6)
    assert found.low <= found.slope <= found.high
    assert found.growth == pytest.approx(39 * slope, rel=1e-6, abs=1e-4)
    assert found.rises or slope <= 1e-3


@given(st.floats(0.5, 5.0), st.integers(0, 1000))
def test_a_quarter_of_the_points_may_be_anything(slope: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = slope * (AT - AT[0]) + rng.normal(0, 0.1, AT.size)
    values[rng.choice(AT.size, 8, replace=False)] += rng.normal(0, 1e4, 8)

    assert trend(AT, values, "it").slope == pytest.approx(slope, rel=0.1)


def test_noise_is_no_trend_about_as_often_as_it_should() -> None:
    found = [trend(AT, np.random.default_rng(seed).normal(0, 1, AT.size), "it") for seed in range(200)]

    assert sum(each.low <= 0 <= each.high for each in found) > 180
    assert sum(each.rises for each in found) < 15


def test_what_never_changes_has_no_trend() -> None:
    found = trend(AT, np.full(AT.size, 7.0), "it")

    assert (found.slope, found.low, found.high, found.rises) == (0, 0, 0, False)


def test_too_few_points() -> None:
    with pytest.raises(CannotTell, match="it: 7 points in time"):
        trend(AT[:7], AT[:7], "it")
