"""A circuit breaker that several models share, which no correct proxy has."""

from __future__ import annotations

import time
from collections import deque

from chaos.embedded.defects import Defect

__all__ = ["Breaker"]

DEATHS, SECONDS = 3, 2.0
"""So many replicas lost within so long, each with a request, open it."""


class Breaker:
    """The defect ``shared_breaker``; without it, it is never open. It was ``tripped`` if so many were lost ever."""

    def __init__(self, defects: frozenset[Defect]) -> None:
        self._there = Defect.SHARED_BREAKER in defects
        self._lost: deque[float] = deque(maxlen=DEATHS)
        self.tripped = False

    def lost(self) -> None:
        """A replica was lost with a request."""
        if self._there:
            self._lost.append(time.monotonic())
            self.tripped = len(self._lost) == DEATHS

    def open(self) -> bool:
        """Whether no request is to be taken now."""
        return self.tripped and time.monotonic() - self._lost[0] < SECONDS
