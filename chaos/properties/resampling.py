"""Intervals for statistics that no textbook formula covers: the bootstrap over units that are independent.

Requests of one burst, or of one moment, share their fate; what is drawn again is therefore the whole burst or moment,
never the single request (the cluster bootstrap: Davison and Hinkley, *Bootstrap Methods and their Application*, 3.8).
Intervals are percentile intervals (Efron, 1979), which :func:`scipy.stats.bootstrap` computes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy
from numpy.typing import NDArray

from chaos.properties.base import CannotTell, Measure, at_most
from chaos.sla.results import Verdict
from chaos.sla.statistics import CONFIDENCE, Estimate

__all__ = ["blocks", "drawn_again", "timed_at_most", "within"]

Floats = NDArray[np.float64]

RESAMPLES = 999
LEAST_UNITS = 4
"""Fewer units than these span no interval that deserves the name."""


def drawn_again(statistic: Callable[..., Floats], *samples: Floats, seed: int) -> Estimate:
    """A statistic with its 95 % interval.

    :param statistic: takes an array for each sample, of shape ``(draws, units, …)``; gives one number a draw
    :param samples: arrays whose rows are units, drawn again independently of the other samples
    :raises CannotTell: if a sample has fewer than four units
    """
    for units in samples:
        if len(units) < LEAST_UNITS:
            raise CannotTell(
                f"{len(units)} repetitions were measured, of which at least {LEAST_UNITS} are needed"
            )

    def drawn(*indices: NDArray[np.int64], axis: int = -1) -> Floats:
        chosen = [units[np.atleast_2d(index)] for units, index in zip(samples, indices, strict=True)]
        return np.reshape(statistic(*chosen), indices[0].shape[:-1])

    numbers = [np.arange(len(units)) for units in samples]
    value = float(drawn(*numbers))
    found = scipy.stats.bootstrap(
        numbers,
        drawn,
        n_resamples=RESAMPLES,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    # A percentile interval of a skewed statistic can miss its own estimate: it is widened to hold it.
    return Estimate(value, min(float(found.low), value), max(float(found.high), value))


def blocks(instants: Floats, values: Floats, seconds: float) -> Floats:
    """Values cut into stretches of so many seconds, which are then the units that are drawn again: one row each, filled
    up with NaN."""
    if not instants.size:
        return np.empty((0, 0))
    number = np.floor((instants - instants.min()) / seconds).astype(np.int64)
    rows = [values[number == each] for each in np.unique(number)]
    table = np.full((len(rows), max(map(len, rows))), np.nan)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = row
    return table


def timed_at_most(name: str, limit: float, found: Estimate, n: int, says: str) -> Measure:
    """A timed measure that passes if its interval is at or below a limit, and fails if all of it is above."""
    return at_most(name, limit, found.value, found.low, found.high, n=n, timed=True, says=says)


def within(
    name: str, bounds: tuple[float, float], found: Estimate, *, n: int, says: str, unit: str = ""
) -> Measure:
    """A timed measure that passes if its interval lies between two limits, and fails if all of it lies beyond one."""
    least, most = bounds
    beyond = found.low > most or found.high < least
    inside = least <= found.low and found.high <= most
    verdict = Verdict.FAIL if beyond else Verdict.PASS if inside else Verdict.UNKNOWN
    limit = least if abs(found.value - least) < abs(found.value - most) else most
    gap = f" {unit}" if unit else ""
    reason = (
        f"{name} {found.value:.4g}{gap} (95 % interval {found.low:.4g} to {found.high:.4g}), "
        f"limits {least:.4g} to {most:.4g}{gap}"
        + ("; the interval holds a limit, so more samples are needed" if verdict is Verdict.UNKNOWN else "")
        + f": {says}"
    )
    return Measure(name, verdict, reason, found.value, found.low, found.high, limit, unit, n, timed=True)
