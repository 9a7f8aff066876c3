"""The latency scale: what is read back is within half a percent of what was recorded."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chaos.traffic.histogram import BUCKETS, buckets_of, quantile_of, seconds_of


@given(st.floats(1e-6, 1800.0))
def test_the_error_of_a_bucket_is_half_a_percent(seconds: float) -> None:
    back = float(seconds_of(int(buckets_of(np.array([seconds]))[0])))
    assert abs(back / seconds - 1) <= 0.005


@given(st.lists(st.floats(-1.0, 1e9), min_size=1))
def test_every_duration_has_a_bucket_and_order_is_kept(durations: list[float]) -> None:
    buckets = buckets_of(np.array(sorted(durations)))
    assert buckets.min() >= 0
    assert buckets.max() < BUCKETS
    assert np.all(np.diff(buckets) >= 0)


@given(st.lists(st.floats(1e-6, 1800.0), min_size=1), st.floats(0.0, 1.0))
def test_a_quantile_is_that_of_the_samples(durations: list[float], quantile: float) -> None:
    counts = np.bincount(buckets_of(np.array(durations)), minlength=BUCKETS)
    expected = float(np.quantile(durations, quantile, method="inverted_cdf"))
    assert abs(quantile_of(counts, quantile) / expected - 1) <= 0.005 + 1e-9


def test_nothing_has_no_quantile() -> None:
    assert np.isnan(quantile_of(np.zeros(BUCKETS, dtype=np.int64), 0.5))
