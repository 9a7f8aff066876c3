"""From the frames of traffic workers to arrays of samples, and from those to the phases of a run.

Nothing that was planned is dropped on the way: a request that never completed becomes a sample too, a
failure at the time it was meant to start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from chaos.sla.results import Window
from chaos.traffic.histogram import BUCKETS, SLOT_SECONDS, seconds_of
from chaos.traffic.spec import Outcome

__all__ = ["LOST", "NONE", "Phase", "Samples", "StreamRecord", "attribute", "split"]

Ints = NDArray[np.int64]

LOST = BUCKETS - 1
"""The bucket of a request that never completed: half an hour, beyond any timeout a probe may have."""

NONE = -1
"""The window of a sample that belongs to no phase."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The requests of one probe: four arrays of one shape ``(cells,)``, as the cells of frames.

    ``slot`` is that of the intended start on the monotonic clock, ``outcome`` a value of
    :class:`~chaos.traffic.spec.Outcome`, ``bucket`` the latency from the intended start, ``count`` how
    many requests the cell stands for.
    """

    slot: Ints
    outcome: Ints
    bucket: Ints
    count: Ints

    @classmethod
    def of(cls, cells: Iterable[Sequence[int]]) -> Samples:
        """Samples of cells ``[slot, outcome, bucket, count]``."""
        table = np.array(list(cells), dtype=np.int64).reshape(-1, 4)
        return cls(table[:, 0], table[:, 1], table[:, 2], table[:, 3])

    @classmethod
    def joined(cls, parts: Sequence[Samples]) -> Samples:
        """All samples of several streams."""
        slot, outcome, bucket, count = (
            np.concatenate([getattr(part, name) for part in (cls.of([]), *parts)])
            for name in ("slot", "outcome", "bucket", "count")
        )
        return cls(slot, outcome, bucket, count)

    @property
    def n(self) -> int:
        """The number of requests."""
        return int(self.count.sum())

    @property
    def lost(self) -> int:
        """How many of them never completed."""
        return int(self.count[self.bucket == LOST].sum())

    def where(self, mask: NDArray[np.bool_]) -> Samples:
        """The samples that a mask of shape ``(cells,)`` selects."""
        return Samples(self.slot[mask], self.outcome[mask], self.bucket[mask], self.count[mask])

    def censored(self, after: float) -> Samples:
        """Without the requests that were lost because the recording broke off.

        A request planned later than ``after`` (the last frame less the timeout) might still have been
        answered in time: nobody saw its fate, so it is no failure of the target.
        """
        return self.where((self.bucket != LOST) | ((self.slot + 1) * SLOT_SECONDS <= after))


@dataclass(slots=True)
class StreamRecord:
    """What one worker's frames said of one stream, added up as they come."""

    cells: list[Sequence[int]] = field(default_factory=list)
    late: list[tuple[float, int, int]] = field(default_factory=list)
    """``(instant of the frame, bucket of the lateness, count)``"""
    at: list[float] = field(default_factory=list)
    planned: list[int] = field(default_factory=list)

    def feed(self, entry: dict[str, Any], at: float) -> None:
        """Take in the entry of this stream in a frame of that instant."""
        self.cells.extend(entry["cells"])
        self.late.extend((at, bucket, count) for bucket, count in entry["late"])
        self.at.append(at)
        self.planned.append(entry["planned"])

    def samples(self) -> Samples:
        """The completed requests, and those that never completed as failures.

        The counters say how many requests had been planned by each frame, the cells how many of each slot
        completed. Their difference grows by one wherever a request was lost; frames do not end with
        slots, so it is also noisy by a few requests. The least-squares non-decreasing fit to it (isotonic
        regression: Barlow et al., *Statistical Inference under Order Restrictions*, 1972) says when.
        """
        done = Samples.of(self.cells)
        lost = (max(self.planned) if self.planned else 0) - done.n
        if lost <= 0:
            return done
        first = int(min(self.at[0] / SLOT_SECONDS, done.slot.min() if done.slot.size else np.inf)) - 1
        last = max(int(self.at[-1] / SLOT_SECONDS), int(done.slot.max()) if done.slot.size else 0)
        edges = np.arange(first, last + 2)
        planned = np.interp(edges * SLOT_SECONDS, [first * SLOT_SECONDS, *self.at], [0, *self.planned])
        order = np.argsort(done.slot)
        completed = np.concatenate([[0], np.cumsum(done.count[order])])
        missing = planned - completed[np.searchsorted(done.slot[order], edges)]
        fitted = np.clip(np.rint(scipy.optimize.isotonic_regression(missing).x), 0, lost)
        fitted[0], fitted[-1] = 0, lost
        steps = np.diff(fitted).astype(np.int64)
        at = np.flatnonzero(steps)
        return Samples.joined(
            [done, Samples.of([edges[step], Outcome.TIMEOUT, LOST, steps[step]] for step in at)]
        )


def attribute(samples: Samples, windows: Sequence[Window]) -> Ints:
    """The index of the window that each sample belongs to, or :data:`NONE`; shape ``(cells,)``.

    A request belongs to the phase in which its intended start falls: the middle of its slot. Two kinds
    belong to the fault instead, because it decided their fate: one that was still in flight when the fault
    began, and one of a slot that the fault touches at all (within a slot nobody knows who came first).
    """
    owner = np.full(samples.slot.shape, NONE, dtype=np.int64)
    begin, end = samples.slot * SLOT_SECONDS, (samples.slot + 1) * SLOT_SECONDS
    middle = (samples.slot + 0.5) * SLOT_SECONDS
    for index, window in enumerate(windows):
        owner[(middle >= window.start) & (middle < window.end)] = index
    completed = end + seconds_of(samples.bucket)
    for index, window in reversed(list(enumerate(windows))):
        if window.phase == "fault":
            touched = (begin < window.end) & (end > window.start)
            in_flight = (end <= window.start) & (completed > window.start)
            owner[touched | in_flight] = index
    return owner


@dataclass(frozen=True, slots=True)
class Phase:
    """The samples of one phase. ``offset``, shape ``(cells,)``, is when in the phase, in seconds from its start.

    Where an experiment enters a phase more than once, its windows are laid end to end.
    """

    samples: Samples
    offset: NDArray[np.float64]
    seconds: float


def split(samples: Samples, windows: Sequence[Window]) -> dict[str, Phase]:
    """The samples by phase; a phase that was entered is there even if nothing was sampled in it."""
    owner = attribute(samples, windows)
    middle = (samples.slot + 0.5) * SLOT_SECONDS
    seconds: dict[str, float] = {}
    offset = np.zeros(samples.slot.shape)
    for index, window in enumerate(windows):
        before = seconds.get(window.phase, 0.0)
        mine = owner == index
        offset[mine] = before + np.clip(middle[mine] - window.start, 0.0, window.seconds)
        seconds[window.phase] = before + window.seconds
    names = np.array([*(window.phase for window in windows), ""])[owner]
    return {
        phase: Phase(samples.where(names == phase), offset[names == phase], length)
        for phase, length in seconds.items()
    }
