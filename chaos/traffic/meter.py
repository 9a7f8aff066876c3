"""What a traffic worker has done so far, added up from its frames: for whoever must act on it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio

from chaos.traffic.spec import Outcome

__all__ = ["Meter", "StreamTotals"]


@dataclass(slots=True)
class StreamTotals:
    """Totals of one stream since its start."""

    planned: int = 0
    sent: int = 0
    done: int = 0
    in_flight: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)


class Meter:
    """Adds up frames and wakes whoever waits for something in them."""

    def __init__(self) -> None:
        self.streams: dict[str, StreamTotals] = {}
        self.error: str | None = None
        """Why no more frames come, if the worker died."""
        self._fed = anyio.Event()

    def feed(self, frame: dict[str, Any]) -> None:
        """Take in one ``frame`` object of :mod:`chaos.traffic.spec`."""
        for name, entry in frame["streams"].items():
            totals = self.streams.setdefault(name, StreamTotals())
            totals.planned, totals.sent = entry["planned"], entry["sent"]
            totals.done, totals.in_flight = entry["done"], entry["in_flight"]
            for _slot, outcome, _bucket, count in entry["cells"]:
                totals.outcomes[Outcome(outcome)] += count
        self._wake()

    def died(self, error: str) -> None:
        """No more frames will come."""
        self.error = error
        self._wake()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds or the worker has died; asked after every frame."""
        while not condition() and self.error is None:
            await self._fed.wait()

    def _wake(self) -> None:
        self._fed.set()
        self._fed = anyio.Event()
