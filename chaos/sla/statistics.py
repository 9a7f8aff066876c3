"""Indicators with their 95 % confidence intervals: shares, latency quantiles, rates, and their ratios.

Requests of one moment share their fate, so they are no independent draws. Intervals of quantiles, rates
and ratios therefore come from a block bootstrap over time: Efron (1979) for the bootstrap and its percentile
interval, Künsch (1989) for overlapping blocks, Politis and Romano (1992) for the wrap-around.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from chaos.sla.samples import Phase
from chaos.traffic.histogram import SLOT_SECONDS, buckets_of, seconds_of
from chaos.traffic.spec import Outcome

__all__ = [
    "CONFIDENCE",
    "Estimate",
    "Indicator",
    "availability",
    "correctness",
    "interval",
    "latency",
    "load",
    "proportion",
    "quantile_needs",
    "ratio",
    "throughput",
]

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 2000
BLOCK_UNITS = 5
"""Length of a block in units of time: half a second, in a phase of up to 40 s."""

MAX_UNITS = 400
"""Longer phases get longer units, so that the cost does not grow with the run."""


def load() -> None:
    """Have ``scipy.stats`` loaded now: it takes a second of a processor, and what is being measured must not feel that.

    A command that judges nothing, or fails before it measures, does without.
    """
    _ = scipy.stats


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point estimate with the bounds of its 95 % confidence interval, all in one unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Indicator:
    """Something that can be computed from counts that add up over time.

    ``counts`` has the shape ``(units of time, columns)``; ``statistic`` maps an array of sums, shape
    ``(rows, columns)``, to one value a row, NaN where it is undefined.
    """

    counts: Floats
    statistic: Callable[[Floats], Floats]

    @property
    def value(self) -> float:
        """The indicator over the whole phase; NaN where it is undefined."""
        return float(self.statistic(self.counts.sum(axis=0, keepdims=True))[0])

    def draws(self, rng: np.random.Generator) -> Floats:
        """The indicator of :data:`RESAMPLES` phases put together from blocks of this one, shape ``(RESAMPLES,)``."""
        units = len(self.counts)
        length = max(1, min(BLOCK_UNITS, units // 2))
        around = np.concatenate([self.counts, self.counts[: length - 1]])
        sums = np.cumsum(np.concatenate([np.zeros((1, self.counts.shape[1])), around]), axis=0)
        blocks = sums[length:] - sums[:-length]
        weights = rng.multinomial(-(-units // length), np.full(units, 1 / units), size=RESAMPLES)
        return self.statistic(weights.astype(np.float64) @ blocks)


def _units(phase: Phase) -> tuple[NDArray[np.int64], int, float]:
    """The unit of time of each cell, the number of units, and the length of one in seconds."""
    units = int(min(max(round(phase.seconds / SLOT_SECONDS), 1), MAX_UNITS))
    length = phase.seconds / units
    return np.minimum(phase.offset / max(length, 1e-9), units - 1).astype(np.int64), units, length


def _fraction(phase: Phase, of: NDArray[np.bool_] | None) -> Indicator:
    """Requests answered rightly, of those in the mask, or per second."""
    unit, units, length = _units(phase)
    samples = phase.samples
    counts = np.empty((units, 2))
    counts[:, 0] = np.bincount(unit, (samples.outcome == Outcome.OK) * samples.count, units)
    counts[:, 1] = length if of is None else np.bincount(unit, of * samples.count, units)
    return Indicator(counts, _divided)


def _divided(sums: Floats) -> Floats:
    return _quotient(sums[:, 0], sums[:, 1])


def _quotient(above: Floats, below: Floats) -> Floats:
    """Their quotient; NaN where there is nothing to divide by."""
    undefined: Floats = np.full(above.shape, np.nan)
    return np.divide(above, below, out=undefined, where=below > 0)


def availability(phase: Phase) -> Indicator:
    """The share of all requests that were answered, and rightly."""
    return _fraction(phase, np.ones(phase.samples.slot.shape, dtype=np.bool_))


def correctness(phase: Phase) -> Indicator:
    """The share of the answered requests that were answered rightly."""
    return _fraction(phase, np.isin(phase.samples.outcome, (Outcome.OK, Outcome.WRONG)))


def throughput(phase: Phase) -> Indicator:
    """Requests answered rightly, per second of the phase they were planned in."""
    return _fraction(phase, None)


def latency(phase: Phase, quantile: float, timeout: float) -> Indicator:
    """A quantile (0 to 1) of the latency over all requests, in seconds.

    A request that failed never got its answer: it counts as slower than every answer and at least as slow
    as ``timeout``, so that failing fast never makes a quantile look better (a latency objective is the
    share of all valid requests that were served well and in time: *The Site Reliability Workbook*, ch. 2).
    """
    unit, units, _length = _units(phase)
    samples = phase.samples
    ok = samples.outcome == Outcome.OK
    slowest = max(int(buckets_of(np.array(timeout))), int(samples.bucket[ok].max(initial=0)))
    buckets, column = np.unique(np.where(ok, samples.bucket, slowest), return_inverse=True)
    counts = np.zeros((units, max(len(buckets), 1)))
    np.add.at(counts, (unit, column), samples.count)
    values = seconds_of(buckets) if len(buckets) else np.array([np.nan])

    def statistic(sums: Floats) -> Floats:
        cumulated = np.cumsum(sums, axis=1)
        total = cumulated[:, -1]
        # The rank is that of histogram.quantile_of: the smallest value that a share `quantile` does not exceed.
        rank = np.maximum(np.ceil(quantile * total), 1.0)
        found = (cumulated < rank[:, None]).sum(axis=1)
        return np.where(total > 0, values[np.minimum(found, len(values) - 1)], np.nan)

    return Indicator(counts, statistic)


def quantile_needs(quantile: float) -> int:
    """How many requests a quantile needs to be bounded from above with 95 % confidence.

    That is when the chance that all of them lie below it, ``quantile ** n``, is at most 2.5 %: the
    order-statistic interval of a quantile (Conover, *Practical Nonparametric Statistics*, 3.2).
    """
    return int(np.ceil(np.log((1 - CONFIDENCE) / 2) / np.log(quantile)))


def proportion(good: int, total: int) -> Estimate:
    """A share with its interval after Wilson (1927), which also holds near 0 and 1; ``total`` is above 0."""
    found = scipy.stats.binomtest(good, total).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(good / total, float(found.low), float(found.high))


def interval(indicator: Indicator, rng: np.random.Generator) -> Estimate | None:
    """The indicator with its percentile interval; None where it is undefined."""
    return _estimate(indicator.value, indicator.draws(rng))


def ratio(indicator: Indicator, baseline: Indicator, rng: np.random.Generator) -> Estimate | None:
    """How many times the baseline an indicator is; both phases are resampled independently. None if undefined."""
    value = _quotient(np.array([indicator.value]), np.array([baseline.value]))[0]
    return _estimate(float(value), _quotient(indicator.draws(rng), baseline.draws(rng)))


def _estimate(value: float, draws: Floats) -> Estimate | None:
    defined = draws[np.isfinite(draws)]
    if not np.isfinite(value) or not defined.size:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(defined, [tail, 1 - tail], method="inverted_cdf")
    # A percentile interval of a skewed statistic can miss its own estimate: it is widened to hold it.
    return Estimate(value, min(float(low), value), max(float(high), value))
