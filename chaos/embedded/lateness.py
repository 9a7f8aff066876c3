"""How late a defective proxy gives a replica what it has chosen it for, and how a defective process stands still."""

from __future__ import annotations

import asyncio
import time

from chaos.embedded.defects import Defect

__all__ = ["Lateness", "standing_still"]

EVERY = 4
TICK_SECONDS = 0.03
IDLE_SECONDS = 0.4
RELOAD_SECONDS = 0.05
SCAN_SECONDS = 30e-6

LOOK_SECONDS, STILL_SECONDS = 0.32, 0.08


class Lateness:
    """Of one proxy. Without one of its defects, it is never late."""

    def __init__(self, defects: frozenset[Defect]) -> None:
        self._ticks = Defect.DISPATCH_STALLS in defects
        self._reloads = Defect.RELOADS_AFTER_IDLE in defects
        self._scans = Defect.REPLICA_SLOWS_DOWN in defects
        self.ever = self._ticks or self._reloads or self._scans
        self._given = 0
        self._served: dict[int, int] = {}
        self._last: dict[int, float] = {}

    def seconds(self, replica: int, requests: int, now: float) -> float:
        """How much later than it should a replica is given so many requests."""
        self._given += 1
        served = self._served[replica] = self._served.get(replica, 0) + requests
        idle, self._last[replica] = now - self._last.get(replica, now), now
        late = served * SCAN_SECONDS if self._scans else 0.0
        late += TICK_SECONDS if self._ticks and self._given % EVERY == 0 else 0.0
        return late + (RELOAD_SECONDS if self._reloads and idle > IDLE_SECONDS else 0.0)


async def standing_still() -> None:
    """Hold up the whole process now and then, until cancelled: something is gone through without ever giving way."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        time.sleep(STILL_SECONDS)  # noqa: ASYNC251 - that is the defect
