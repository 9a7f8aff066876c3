"""The one latency scale of the project: geometric buckets of 1 %, from a microsecond to half an hour.

A bucket is an integer; a histogram is a mapping from bucket to count, so histograms of many
workers, slots and phases add up without loss. The relative error of a value read back is at most
0.5 %, as in HDR histograms, with a fixed number of buckets whatever was recorded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BUCKETS", "SLOT_SECONDS", "buckets_of", "quantile_of", "seconds_of", "slot_of"]

GROWTH = 1.01
BUCKETS = 2160
"""Number of buckets; the last one also holds everything longer."""

SLOT_SECONDS = 0.1
"""Width of a time slot on the monotonic clock, which all processes of one machine share."""

_LOG_GROWTH = float(np.log(GROWTH))


def buckets_of(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bucket of each duration; durations below a microsecond (or negative) are bucket 0."""
    microseconds = np.maximum(np.asarray(seconds, dtype=np.float64) * 1e6, 1.0)
    return np.minimum(np.rint(np.log(microseconds) / _LOG_GROWTH), BUCKETS - 1).astype(np.int64)


def seconds_of(bucket: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """The duration in seconds that a bucket (or an array of them) stands for."""
    return np.asarray(np.power(GROWTH, np.asarray(bucket, dtype=np.float64)) * 1e-6)


def slot_of(monotonic: float) -> int:
    """The time slot that an instant of the monotonic clock falls in."""
    return int(monotonic / SLOT_SECONDS)


def quantile_of(counts: NDArray[np.int64], quantile: float) -> float:
    """The quantile (0 to 1) of a dense histogram of shape ``(BUCKETS,)``, in seconds; NaN if empty."""
    total = int(counts.sum())
    if total == 0:
        return float("nan")
    rank = min(max(int(np.ceil(quantile * total)), 1), total)
    return float(seconds_of(int(np.searchsorted(np.cumsum(counts), rank))))
