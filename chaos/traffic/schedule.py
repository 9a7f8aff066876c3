"""When the requests of a stream are sent: by the plan (open), or by users who wait for answers (closed).

An open schedule sends every planned request, however late: if no connection is free it waits its
turn, and its latency counts from the intended start. What waits is a position in the plan, so a
backlog costs eight bytes a request.
"""

from __future__ import annotations

import asyncio
import math
import time
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from typing import Protocol

from chaos.traffic.alarm import open_alarm
from chaos.traffic.arrivals import ArrivalPlan
from chaos.traffic.pool import Pool
from chaos.traffic.recorder import Recorder
from chaos.traffic.spec import Outcome

__all__ = ["ClosedSchedule", "OpenSchedule", "Schedule"]

_CHUNK = 4096


class Schedule(Protocol):
    """Decides when a pool sends requests."""

    def start(self, now: float) -> None:
        """Begin at this instant of the monotonic clock."""

    def stop(self, now: float) -> None:
        """Plan nothing after this instant."""

    def planned(self, now: float) -> int:
        """Requests meant for instants up to ``now``."""

    def close(self) -> None:
        """Send nothing more. Idempotent."""


class ClosedSchedule:
    """Constant users: each sends its next request the moment it has the answer to the one before.

    :param on_done: called once stopped, when nothing is in flight any more
    """

    def __init__(self, pool: Pool, users: int, on_done: Callable[[], None]) -> None:
        self._pool, self._users, self._on_done = pool, users, on_done
        pool.on_free = self._free

    def start(self, now: float) -> None:
        """Let all users begin."""
        self._pool.again = True
        for _ in range(self._users):
            self._pool.send(now, now)

    def stop(self, now: float) -> None:
        """Let each user finish what it waits for."""
        self._pool.again = False
        self._pool.on_free = self._drain
        self._drain(now)

    def planned(self, now: float) -> int:
        """As many as were sent."""
        return self._pool.sent

    def close(self) -> None:
        """Let no user send anything more."""
        self._pool.again = False
        self._pool.on_free = self._leave

    def _free(self, now: float) -> None:
        self._pool.send(now, now)

    def _leave(self, _now: float) -> None:
        """A user goes home."""

    def _drain(self, _now: float) -> None:
        if not self._pool.in_flight:
            self._on_done()


class OpenSchedule:
    """Sends what an :class:`ArrivalPlan` has planned, each request at or as soon as possible after its time.

    Once stopped, what is still waiting for a connection has ``patience`` seconds to be sent; the
    rest has then waited longer than a request may, and is recorded as ``Outcome.TIMEOUT`` unsent.

    :param on_done: called once stopped, when nothing waits and nothing is in flight any more
    """

    def __init__(
        self,
        pool: Pool,
        plan: ArrivalPlan,
        recorder: Recorder,
        *,
        patience: float,
        on_done: Callable[[], None],
    ) -> None:
        self._pool, self._plan, self._recorder = pool, plan, recorder
        self._patience, self._on_done = patience, on_done
        self._loop = asyncio.get_running_loop()
        self._alarm = open_alarm(self._loop, self._ring)
        self._expiry: asyncio.TimerHandle | None = None
        self._begin = self._cutoff = math.inf
        self._chunks: deque[array[float]] = deque()
        self._passed = 0
        self._place = 0
        self._next = math.inf
        self._starved = False
        pool.on_free = self._free

    def start(self, now: float) -> None:
        """Take the plan's time 0 to be now."""
        self._begin = now
        self._chunks.append(self._chunk())
        self._next = self._chunks[0][0]
        self._pump(now)

    def stop(self, now: float) -> None:
        """Send what is planned up to now, and nothing after."""
        self._cutoff = min(self._cutoff, now)
        self._pump(now)
        if self._next <= self._cutoff:
            self._expiry = self._loop.call_later(self._patience, self._expire)

    def planned(self, now: float) -> int:
        """Arrivals up to ``now``, whether sent or still waiting."""
        if self._begin == math.inf:
            return 0
        until = min(now, self._cutoff)
        while self._chunks[-1][-1] <= until:
            self._chunks.append(self._chunk())
        return self._passed + sum(bisect_right(chunk, until) for chunk in self._chunks)

    def close(self) -> None:
        """Ring no more. Idempotent."""
        self._alarm.close()
        if self._expiry is not None:
            self._expiry.cancel()

    def _ring(self) -> None:
        self._pump(time.monotonic())

    def _free(self, now: float) -> None:
        if self._starved or self._cutoff < math.inf:
            self._pump(now)

    def _pump(self, now: float) -> None:
        send, until = self._pool.send, min(now, self._cutoff)
        self._starved = False
        while self._next <= until:
            if not send(self._next, now):
                self._starved = True
                return
            self._advance()
            now = time.monotonic()
            until = min(now, self._cutoff)
        if self._cutoff < math.inf:
            if not self._pool.in_flight:
                self.close()
                self._on_done()
        elif self._next < math.inf:
            self._alarm.set(self._next)

    def _advance(self) -> None:
        chunk = self._chunks[0]
        self._place = place = self._place + 1
        if place == len(chunk):
            self._passed += len(self._chunks.popleft())
            if not self._chunks:
                self._chunks.append(self._chunk())
            chunk, self._place = self._chunks[0], 0
            place = 0
        self._next = chunk[place]

    def _chunk(self) -> array[float]:
        chunk: array[float] = array("d")
        chunk.frombytes((self._plan.take(_CHUNK) + self._begin).tobytes())
        return chunk

    def _expire(self) -> None:
        now = time.monotonic()
        while self._next <= self._cutoff:
            self._recorder.record(self._next, now, now, Outcome.TIMEOUT)
            self._advance()
        self._pump(now)
