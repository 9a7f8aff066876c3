"""When requests are due: open arrival schedules, planned ahead from a seed and handed out in chunks.

A plan is a function of its schedule and seed alone: in whatever chunks it is taken, it is the same
to the last bit. What the system under test does cannot change it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from chaos.traffic.spec import Arrivals

__all__ = ["ArrivalPlan", "check_arrivals"]


def check_arrivals(arrivals: Arrivals) -> None:
    """Hold a schedule's numbers against its kind.

    :raises ValueError: if the schedule cannot be planned
    """
    if arrivals.kind == "users":
        if arrivals.users < 1:
            raise ValueError(f"users is {arrivals.users!r} (a closed schedule needs at least 1)")
        return
    if arrivals.kind == "burst":
        if arrivals.users < 1 or not (math.isfinite(arrivals.seconds) and arrivals.seconds > 0):
            raise ValueError(
                f"burst of {arrivals.users!r} every {arrivals.seconds!r} s (at least 1, every finite time above 0)"
            )
        return
    if arrivals.kind not in ("constant", "poisson", "ramp"):
        raise ValueError(f"unknown arrival kind {arrivals.kind!r} (constant, poisson, ramp, burst or users)")
    ramp = arrivals.kind == "ramp"
    rates = (arrivals.rate, arrivals.to_rate) if ramp else (arrivals.rate,)
    if not all(math.isfinite(rate) and rate >= 0 for rate in rates) or max(rates) <= 0:
        raise ValueError(f"rate is {' → '.join(map(str, rates))} (requests a second, finite and above 0)")
    if ramp and not (math.isfinite(arrivals.seconds) and arrivals.seconds > 0):
        raise ValueError(f"seconds is {arrivals.seconds!r} (the length of a ramp is finite and above 0)")


class ArrivalPlan:
    """The arrival times of one open schedule, in seconds from its start, without end.

    Every schedule is a point process of rate 1 whose time is stretched by the inverse of the
    integrated rate (time-change theorem, Cinlar 1975): points at ``u, u + 1, u + 2, …`` for
    ``constant`` and ``ramp``, with ``u`` in [0, 1) from the seed so that streams do not march in
    step; sums of exponential gaps for ``poisson``. Only a ``burst`` is none: its points fall together.

    :raises ValueError: if the schedule is not an open one, or its numbers make no sense
    """

    def __init__(self, arrivals: Arrivals, seed: int) -> None:
        check_arrivals(arrivals)
        if arrivals.kind == "users":
            raise ValueError("a closed schedule has no plan: its users decide when")
        self._arrivals = arrivals
        self._random = np.random.default_rng(seed)
        self._reached = 0.0
        self._taken = 0
        self._phase = float(self._random.random())

    def take(self, count: int) -> NDArray[np.float64]:
        """The next ``count`` arrival times, sorted; infinite once a ramp to 0 has run out."""
        if self._arrivals.kind == "poisson":
            # The sum is carried into the chunk, so that additions happen in one order however it is cut.
            gaps = np.concatenate(([self._reached], self._random.standard_exponential(count)))
            points: NDArray[np.float64] = np.cumsum(gaps)[1:]
            self._reached = float(points[-1]) if count else self._reached
            return points / self._arrivals.rate
        numbers = np.arange(self._taken, self._taken + count, dtype=np.float64)
        self._taken += count
        if self._arrivals.kind == "burst":
            return np.floor(numbers / self._arrivals.users) * self._arrivals.seconds
        points = numbers + self._phase
        if self._arrivals.kind == "constant":
            return points / self._arrivals.rate
        return self._ramp(points)

    def _ramp(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        first, last, seconds = self._arrivals.rate, self._arrivals.to_rate, self._arrivals.seconds
        in_ramp = (first + last) / 2 * seconds
        slope = (last - first) / seconds
        inside = np.minimum(points, in_ramp)
        # The root of first·t + slope·t²/2 = n in the form that also holds for a slope near 0.
        root = np.sqrt(np.maximum(first * first + 2 * slope * inside, 0.0))
        with np.errstate(invalid="ignore"):
            times = np.where(inside > 0, 2 * inside / (first + root), 0.0)
        after = np.maximum(points - in_ramp, 0.0)
        beyond = after / last if last > 0 else np.where(after > 0, np.inf, 0.0)
        return np.asarray(np.minimum(times, seconds) + beyond, dtype=np.float64)
