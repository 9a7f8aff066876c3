"""One worker of a model: keeps a replica process running, starts it again when it dies, lets it go when told.

The worker outlives its replicas: its id and start time stay, its process changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from chaos.embedded.forks import Child, Forks, SpawnFailed
from chaos.embedded.hub import ProxyHub
from chaos.embedded.routes import ReplicaRoute

__all__ = ["Worker", "backoff"]

STARTUP_SECONDS = 120.0
BACKOFF_FIRST, BACKOFF_LAST = 0.05, 2.0
HEALTHY_SECONDS = 5.0
"""A replica that lived so long was healthy: what happens to it then is no crash loop."""

RETRYING = 3
"""After so many failures in a row a worker counts as one that keeps failing."""


def backoff(failures: int) -> float:
    """Seconds to wait before the next start after so many failures in a row: 0 after the first, then doubling."""
    return 0.0 if failures <= 1 else min(BACKOFF_FIRST * 2.0 ** min(failures - 2, 30), BACKOFF_LAST)


class Worker:
    """A worker slot; :meth:`run` is its life.

    :param changed: called after each change that the route table or a waiting operation should see
    :param died: called with a dead replica's number and its signal, 0 if it exited by itself
    """

    def __init__(
        self,
        worker_id: int,
        model: str,
        package: str,
        forks: Forks,
        hub: ProxyHub,
        changed: Callable[[], None],
        died: Callable[[int, int], None],
    ) -> None:
        self.id = worker_id
        self.model = model
        self.started = datetime.now(UTC)
        self.pid = -1
        self.failures = 0
        self.error: SpawnFailed | None = None
        self._package = package
        self._forks = forks
        self._hub = hub
        self._changed = changed
        self._died = died
        self._child: Child | None = None
        self._routed = False
        self._retire = asyncio.Event()
        self._drain_seconds = 0.0

    @property
    def ready(self) -> bool:
        """Whether its replica serves."""
        return self._routed and not self._retire.is_set()

    @property
    def connected(self) -> bool:
        """Whether the proxy's link to its replica stands, too."""
        return self.ready and self._child is not None and self._child.id in self._hub.connected

    def route(self) -> ReplicaRoute | None:
        """The replica as the proxy is told of it; None while there is none that serves."""
        if not self._routed or self._child is None:
            return None
        return ReplicaRoute(self._child.id, self.model, self._child.port, self._retire.is_set())

    def retire(self, drain_seconds: float) -> None:
        """Let it go: no new request, the one in flight may take so long. :meth:`run` returns when it is gone."""
        self._drain_seconds = drain_seconds
        self._retire.set()

    def kill(self, replica: int) -> None:
        """Kill the replica of this number, if it still is this worker's."""
        if self._child is not None and self._child.id == replica:
            self._forks.kill(self._child)

    async def run(self) -> None:
        """Live until retired."""
        while not self._retire.is_set():
            await self._unless_retired(asyncio.sleep(backoff(self.failures)))
            if self._retire.is_set():
                return
            await self._unless_retired(self._forks.up.wait())
            if self._forks.up.is_set():
                await self._one_life()

    async def _one_life(self) -> None:
        """Start a replica, and stay with it until it is gone."""
        child = await self._forks.spawn(self.model, self._package)
        self._child = child
        born = time.monotonic()
        if await self._loaded(child):
            self.pid, self.error, self._routed = child.pid, None, True
            self._changed()
            await self._unless_retired(asyncio.wait([child.exited]))
            if not child.exited.done():
                self._changed()
                await self._hub.until(
                    lambda: child.id in self._hub.drained or child.exited.done(), self._drain_seconds
                )
        self._forks.kill(child)
        number = await child.exited
        if self._routed:
            self.failures = 0 if time.monotonic() - born > HEALTHY_SECONDS else self.failures + 1
            self._died(child.id, number)
        self._hub.drained.discard(child.id)
        self._routed, self._child = False, None
        self._changed()

    async def _loaded(self, child: Child) -> bool:
        """Whether the replica has loaded its package; why not is noted."""
        try:
            async with asyncio.timeout(STARTUP_SECONDS):
                await self._unless_retired(asyncio.wait([child.ready]))
            if not child.ready.done():
                return False
            child.ready.result()
        except SpawnFailed as error:
            if error.broken:  # else the fork server died, which says nothing about the package
                self.error = error
                self.failures += 1
            return False
        except TimeoutError:
            self.error = SpawnFailed(f"the model did not load within {STARTUP_SECONDS:.0f} s")
            self.failures += 1
            return False
        return True

    async def _unless_retired(self, awaitable: Awaitable[object]) -> None:
        """Wait for it, or until retired, whichever is first."""
        tasks = [asyncio.ensure_future(awaitable), asyncio.ensure_future(self._retire.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
