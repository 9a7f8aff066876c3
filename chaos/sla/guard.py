"""Abort guards: burn rate over a sliding window, fed with frames as they come.

The burn rate is the share of bad requests divided by the share that may be bad (*The Site Reliability
Workbook*, chapter 5). Requests count when they complete, for a guard has to act on what is known now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from chaos.sla.documents import Guard
from chaos.traffic.histogram import seconds_of
from chaos.traffic.spec import Outcome

__all__ = ["BINS", "GuardWatch"]

BINS = 128
"""The window moves in steps of this fraction of it, so its memory is bounded however many frames come."""


class GuardWatch:
    """Watches one guard of one probe.

    The window is made of the current bin of ``window / BINS`` seconds and the :data:`BINS` - 1 before it, so it
    is at most one bin shorter than asked for.
    """

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self._width = guard.window / BINS
        self._bins: deque[list[int]] = deque()
        """``[index, requests, bad ones]`` of the bins in the window that hold any, oldest first."""
        self._n = self._bad = 0

    @property
    def n(self) -> int:
        """The number of requests in the window."""
        return self._n

    @property
    def burn_rate(self) -> float:
        """The burn rate now; 0 while nothing is in the window."""
        return self._bad / self._n / (1 - self.guard.target) if self._n else 0.0

    def feed(self, entry: Mapping[str, Any], at: float) -> float | None:
        """Take in the probe's entry in a frame; return the burn rate if the guard trips, else None.

        It says so at every frame for as long as it holds, so that a fault that is injected while the budget
        already burns is cancelled too.

        :param entry: the ``cells`` of what completed since the frame before
        :param at: the frame's instant; it does not go backwards
        """
        n = bad = 0
        for _slot, outcome, bucket, count in entry["cells"]:
            n += count
            bad += count if self._is_bad(outcome, bucket) else 0
        self._move_to(int(at / self._width), n, bad)
        tripped = self._n >= self.guard.at_least_requests and self.burn_rate >= self.guard.burn_rate
        return self.burn_rate if tripped else None

    def _is_bad(self, outcome: int, bucket: int) -> bool:
        limit = self.guard.slower_than
        return outcome != Outcome.OK or (limit is not None and float(seconds_of(bucket)) > limit)

    def _move_to(self, index: int, n: int, bad: int) -> None:
        if not self._bins or self._bins[-1][0] < index:
            self._bins.append([index, 0, 0])
        self._bins[-1][1] += n
        self._bins[-1][2] += bad
        self._n, self._bad = self._n + n, self._bad + bad
        while self._bins[0][0] <= index - BINS:
            _index, old, old_bad = self._bins.popleft()
            self._n, self._bad = self._n - old, self._bad - old_bad
