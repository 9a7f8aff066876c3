"""Shares have an interval that holds them, and that closes in with more trials."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from chaos.sla.rates import Rate


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_interval_holds_the_share(count: int, n: int) -> None:
    rate = Rate(min(count, n), n)
    assert rate.interval is not None
    assert rate.share is not None
    low, high = rate.interval

    assert 0.0 <= low <= rate.share <= high <= 1.0
    more = Rate(rate.count * 10, n * 10).interval
    assert more is not None
    assert more[1] - more[0] < high - low


@pytest.mark.parametrize(("count", "n"), [(0, 10), (10, 10), (3, 12), (1, 1)])
def test_its_bounds_are_the_shares_at_which_what_was_seen_is_unlikely(count: int, n: int) -> None:
    low, high = Rate(count, n).interval or (0.0, 0.0)

    if count:
        assert stats.binom.sf(count - 1, n, low) == pytest.approx(0.025, rel=1e-6)
    if count < n:
        assert stats.binom.cdf(count, n, high) == pytest.approx(0.025, rel=1e-6)


def test_of_nothing_there_is_none() -> None:
    assert Rate(0, 0).share is None
    assert Rate(0, 0).interval is None
    assert Rate(0, 0).document() == {"count": 0, "n": 0, "share": None, "low": None, "high": None}
