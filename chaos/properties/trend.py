"""The trend of a series of measurements over time: robust slope, its interval, and whether there is any.

The slope is the median of those between all pairs of points, with its distribution-free interval (Theil, 1950; Sen,
1968), so that up to 29 % of the points may be anything; the test for a trend at all is that of Mann (1945) and Kendall.
Both need nothing of the noise's distribution, but that it does not itself drift: see :mod:`chaos.properties.drift`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from chaos.properties.base import CannotTell
from chaos.sla.statistics import CONFIDENCE

__all__ = ["Trend", "trend"]

Floats = NDArray[np.float64]

FEWEST = 8
"""With fewer points the interval of a slope is as wide as the points are apart, or wider."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A trend over ``seconds``: the ``slope`` per second with its 95 % interval, the value that the line has at its
    ``start``, and the chance ``p`` of rising so steadily without a trend (one-sided)."""

    slope: float
    low: float
    high: float
    start: float
    p: float
    seconds: float
    n: int

    @property
    def rises(self) -> bool:
        """Whether there is a trend upwards, by Mann and Kendall's test."""
        return self.p < (1 - CONFIDENCE) / 2

    @property
    def growth(self) -> float:
        """By how much it rose in all."""
        return self.slope * self.seconds


def trend(at: Floats, values: Floats, what: str, fewest: int = FEWEST) -> Trend:
    """The trend of values at instants (seconds), both of shape ``(n,)``.

    :param what: what was measured, for the error
    :raises CannotTell: if there are fewer points than ``fewest``
    """
    if at.size < fewest:
        raise CannotTell(
            f"{what}: {at.size} points in time were measured, of which at least {fewest} are needed"
        )
    since = at - at.min()
    found = scipy.stats.theilslopes(values, since, alpha=CONFIDENCE)
    flat = bool((values == values[0]).all())
    p = 1.0 if flat else float(scipy.stats.kendalltau(since, values, alternative="greater").pvalue)
    return Trend(
        slope=float(found.slope),
        low=float(found.low_slope),
        high=float(found.high_slope),
        start=float(found.intercept),
        p=p,
        seconds=float(since.max()),
        n=int(at.size),
    )
