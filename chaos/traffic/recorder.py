"""What became of each request of one stream, in memory that was laid out before the first of them.

Recording a request is four stores into preallocated arrays; a frame adds them up with numpy into
the counted cells that :mod:`chaos.traffic.spec` describes.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from chaos.traffic.histogram import BUCKETS, SLOT_SECONDS, buckets_of
from chaos.traffic.spec import Outcome

__all__ = ["Recorder"]

_OUTCOMES = len(Outcome)


class Recorder:
    """Records requests; :meth:`flush` hands over what came since the flush before.

    When the arrays are full before a flush, their content is added up early: memory depends on
    ``capacity`` and on the number of distinct cells of one frame, not on time or on requests. With ``each`` requests
    are kept by themselves as well, until :meth:`rows` hands them over.
    """

    __slots__ = (
        "_cells",
        "_each",
        "_ended",
        "_instants",
        "_intended",
        "_late",
        "_outcome_view",
        "_outcomes",
        "_started",
        "_used",
        "capacity",
        "done",
    )

    def __init__(self, capacity: int = 16_384, each: bool = False) -> None:
        if capacity < 1:
            raise ValueError(f"capacity is {capacity} (it must be at least 1)")
        self.capacity = capacity
        self.done = 0
        """Requests recorded and added up so far, without those still in the arrays; see :meth:`total`."""
        self._used = 0
        self._intended = array("d", bytes(8 * capacity))
        self._started = array("d", bytes(8 * capacity))
        self._ended = array("d", bytes(8 * capacity))
        self._outcomes = bytearray(capacity)
        self._instants = tuple(np.frombuffer(each) for each in (self._intended, self._started, self._ended))
        self._outcome_view = np.frombuffer(self._outcomes, dtype=np.uint8)
        self._cells = _Counts()
        self._late = _Counts()
        self._each: list[NDArray[np.float64]] | None = [] if each else None

    @property
    def total(self) -> int:
        """Requests recorded since the beginning."""
        return self.done + self._used

    def record(self, intended: float, started: float, ended: float, outcome: int) -> None:
        """Store one request: three instants of the monotonic clock in seconds, and how it ended."""
        index = self._used
        self._intended[index] = intended
        self._started[index] = started
        self._ended[index] = ended
        self._outcomes[index] = outcome
        self._used = index = index + 1
        if index == self.capacity:
            self._add_up()

    def flush(self) -> tuple[list[list[int]], list[list[int]]]:
        """The cells ``[slot, outcome, bucket, count]`` and lateness ``[bucket, count]`` since the last flush."""
        self._add_up()
        keys, counts = self._cells.take()
        slots, rest = np.divmod(keys, _OUTCOMES * BUCKETS)
        outcomes, buckets = np.divmod(rest, BUCKETS)
        cells: list[list[int]] = np.column_stack((slots, outcomes, buckets, counts)).tolist()
        late: list[list[int]] = np.column_stack(self._late.take()).tolist()
        return cells, late

    def rows(self) -> list[list[float]] | None:
        """``[intended, started, ended, outcome]`` of each request since these were last asked for; None if not kept."""
        if self._each is None:
            return None
        self._add_up()
        rows, self._each = self._each, []
        found: list[list[float]] = np.concatenate(rows).round(6).tolist() if rows else []
        return found

    def _add_up(self) -> None:
        used = self._used
        if not used:
            return
        intended, started, ended = (view[:used] for view in self._instants)
        outcomes = self._outcome_view[:used].astype(np.int64)
        slots = (intended / SLOT_SECONDS).astype(np.int64)
        buckets = buckets_of(ended - intended)
        self._cells.add((slots * _OUTCOMES + outcomes) * BUCKETS + buckets)
        self._late.add(buckets_of(started - intended))
        if self._each is not None:
            self._each.append(np.column_stack((intended, started, ended, outcomes)))
        self.done += used
        self._used = 0


class _Counts:
    """A counter of integers that is added to in bulk."""

    __slots__ = ("_counts", "_keys")

    def __init__(self) -> None:
        self._keys = self._counts = np.empty(0, dtype=np.int64)

    def add(self, keys: NDArray[np.int64]) -> None:
        unique, counts = np.unique(keys, return_counts=True)
        if not self._keys.size:
            self._keys, self._counts = unique, counts
            return
        merged, places = np.unique(np.concatenate((self._keys, unique)), return_inverse=True)
        totals = np.zeros(merged.size, dtype=np.int64)
        np.add.at(totals, places, np.concatenate((self._counts, counts)))
        self._keys, self._counts = merged, totals

    def take(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        keys, counts = self._keys, self._counts
        self._keys = self._counts = np.empty(0, dtype=np.int64)
        return keys, counts
