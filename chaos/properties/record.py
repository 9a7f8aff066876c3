"""The record of one measured cell, read from a history: what its procedure planned, sent, asked for and saw.

Events of a cell stand between ``cell`` events ``begin`` and ``end``. One procedure may measure several APIs at once
(a soak): each then has a record of its own, over the same events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaos.history import Event
from chaos.traffic.spec import Outcome

__all__ = ["CellRecord", "Requests", "records"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Requests:
    """Single requests, in the order of their intended starts: arrays of one shape ``(n,)``.

    Instants are of the monotonic clock in seconds; ``outcome`` holds values of :class:`chaos.traffic.spec.Outcome`.
    """

    intended: Floats
    started: Floats
    ended: Floats
    outcome: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> Requests:
        """From rows ``[intended, started, ended, outcome]``."""
        table = np.array(rows, dtype=np.float64).reshape(-1, 4)
        table = table[np.lexsort((table[:, 2], table[:, 0]))]
        return cls(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(np.int64))

    @property
    def n(self) -> int:
        """How many there are."""
        return int(self.intended.size)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which were answered, and rightly."""
        return np.asarray(self.outcome == Outcome.OK)

    @property
    def latency(self) -> Floats:
        """Seconds from the intended start to the end."""
        return np.asarray(self.ended - self.intended)

    def where(self, mask: NDArray[np.bool_]) -> Requests:
        """Those that a mask of shape ``(n,)`` selects."""
        return Requests(self.intended[mask], self.started[mask], self.ended[mask], self.outcome[mask])

    def between(self, start: float, end: float) -> Requests:
        """Those that were meant to start in a half-open interval."""
        return self.where((self.intended >= start) & (self.intended < end))


@dataclass(frozen=True, slots=True)
class CellRecord:
    """What happened while a cell was measured. ``settings`` is what was planned; ``end`` is None if it broke off.

    ``outcome`` is ``measured``, ``not applicable`` or ``broken``, with the ``reason`` of the latter two.
    """

    api: str
    code: str
    seed: int
    settings: Mapping[str, Any]
    begin: float
    end: float | None
    outcome: str
    reason: str
    events: tuple[Event, ...]

    def kind(self, kind: str) -> Iterator[Event]:
        """The events of one kind, oldest first."""
        return (event for event in self.events if event["kind"] == kind)

    def notes(self, about: str) -> list[Event]:
        """What the procedure noted about something."""
        return [event for event in self.kind("note") if event["about"] == about]

    def loads(self) -> list[str]:
        """The names of the loads whose requests are recorded."""
        return list(dict.fromkeys(event["load"] for event in self.kind("requests")))

    def requests(self, load: str) -> Requests:
        """All requests of one load."""
        return Requests.of(
            [row for event in self.kind("requests") if event["load"] == load for row in event["rows"]]
        )

    def calls(self, operation: str = "", model: str = "") -> list[Event]:
        """The control-plane calls of the procedure: ``operation, model, outcome, status, start, end, detail``, and what
        was noted with them."""
        return [
            event
            for event in self.kind("call")
            if event["operation"] == (operation or event["operation"])
            and event["model"] == (model or event["model"])
        ]


def records(events: Sequence[Event]) -> list[CellRecord]:
    """A record for each API of each measured cell of a history, in the order they were measured."""
    found: list[CellRecord] = []
    begun: tuple[int, Event] | None = None
    for index, event in enumerate(events):
        if event["kind"] != "cell":
            continue
        if begun is not None:
            found += _record(begun[1], events[begun[0] + 1 : index], event)
        begun = (index, event) if event["event"] == "begin" else None
    if begun is not None:
        found += _record(begun[1], events[begun[0] + 1 :], None)
    return found


def _record(begin: Event, events: Sequence[Event], end: Event | None) -> Iterator[CellRecord]:
    ended = end if end is not None and end["event"] == "end" else None
    for api in begin["apis"]:
        yield CellRecord(
            api=api,
            code=begin["code"],
            seed=begin["seed"],
            settings=begin["settings"],
            begin=begin["at"],
            end=None if ended is None else ended["at"],
            outcome="broken" if ended is None else ended["outcome"],
            reason="its measurement broke off" if ended is None else ended["reason"],
            events=tuple(events),
        )
