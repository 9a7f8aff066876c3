"""Bursts of simultaneous requests on a model with w workers and batches of b: what they should take, and did take.

With a service time s, the i-th of a burst is served in the ⌈⌈i/b⌉/w⌉-th round, and completes after so many times s: the
makespan of equal jobs on identical machines (Pinedo, *Scheduling*, ch. 5). A batch that is not full may first wait for
the batch delay. Which request of a burst is the i-th is up to the server: completions are taken in their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from chaos.properties.base import CannotTell
from chaos.properties.record import CellRecord, Requests

__all__ = ["Bursts", "Plan", "overtaken"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plan:
    """What was noted of a measured model. ``service`` and ``delay`` (of a batch) are in seconds."""

    workers: int
    batch: int
    service: float
    delay: float
    burst: int

    @classmethod
    def of(cls, record: CellRecord) -> Plan:
        """As a record has it.

        :raises CannotTell: if it has none
        """
        for note in record.notes("plan"):
            return cls(*(note[name] for name in ("workers", "batch", "service", "delay", "burst")))
        raise CannotTell("nothing was sent")

    def rounds(self, size: int) -> NDArray[np.int64]:
        """The round of service of each of so many requests, shape ``(size,)``."""
        batches = -(-np.arange(1, size + 1) // self.batch)
        return np.asarray(-(-batches // self.workers))

    def waits_for_more(self, size: int) -> NDArray[np.bool_]:
        """Which of so many requests are in a batch that is not full."""
        return np.asarray(np.arange(size) >= size - size % self.batch)


@dataclass(frozen=True, slots=True)
class Bursts:
    """The bursts of one load: seconds from the sending of each to its completions in their order, one row a burst."""

    completed: Floats

    @classmethod
    def of(cls, requests: Requests, size: int, what: str) -> Bursts:
        """All but the first, which made the connections.

        :raises CannotTell: if there are none in which all were answered
        """
        starts = np.unique(requests.intended)[1:]
        rows = [
            np.sort(burst.ended) - burst.started.min()
            for burst in (requests.where((requests.intended == start) & requests.ok) for start in starts)
            if burst.n == size
        ]
        if not rows:
            raise CannotTell(f"no burst of the load '{what}' was answered in full")
        return cls(np.array(rows))

    @property
    def n(self) -> int:
        """How many bursts there are."""
        return len(self.completed)

    def last(self) -> Floats:
        """When each was answered in full: seconds."""
        return np.asarray(self.completed[:, -1])

    def residuals(self, plan: Plan, one: float) -> Floats:
        """How much later (or, below 0, earlier) than predicted each request completed, in times of the time of one
        round; a batch that is not full may take any time between that without and that with the whole delay."""
        earliest = plan.rounds(self.completed.shape[1]) * one
        latest = earliest + plan.delay * plan.waits_for_more(self.completed.shape[1])
        return np.asarray((self.completed - np.clip(self.completed, earliest, latest)) / one)

    def fits(self, plan: Plan, one: float) -> tuple[Floats, Floats]:
        """For each burst the slope of the completions on what is predicted, and the share of their variance that this
        line explains (R²), by least squares; of full batches only."""
        full = ~plan.waits_for_more(self.completed.shape[1])
        predicted = (plan.rounds(self.completed.shape[1]) * one)[full]
        found = [scipy.stats.linregress(predicted, row[full]) for row in self.completed]
        return np.array([fit.slope for fit in found]), np.array([fit.rvalue**2 for fit in found])


def overtaken(requests: Requests, least: float) -> NDArray[np.bool_]:
    """Which requests were overtaken: sent at least so many seconds before another, and answered as much after it."""
    later = requests.started[None, :] >= requests.started[:, None] + least
    earlier = requests.ended[None, :] <= requests.ended[:, None] - least
    return np.asarray((later & earlier).any(axis=1))
