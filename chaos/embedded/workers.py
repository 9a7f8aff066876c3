"""One worker of a model: keeps a replica process running, starts it again when it dies, lets it go when told.

The worker outlives its replicas: its id and start time stay, its process changes.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Set
from datetime import UTC, datetime
from typing import Protocol

from chaos.embedded.backoff import HEALTHY_SECONDS, backoff
from chaos.embedded.defects import Defect
from chaos.embedded.forks import Child, Death, Forks, SpawnFailed
from chaos.embedded.hub import ProxyHub
from chaos.embedded.routes import ReplicaRoute
from chaos.errors import ChaosError

__all__ = ["Worker", "WorkerOwner"]

STARTUP_SECONDS = 120.0
RETRYING = 3
"""After so many failures in a row a worker counts as one that keeps failing."""


class WorkerOwner(Protocol):
    """Who is told what becomes of a worker's replicas."""

    def changed(self) -> None:
        """The route table, or what an operation waits for, is another now."""

    def died(self, worker: Worker, child: Child, death: Death, meant: bool) -> None:
        """A replica that served is gone; ``meant`` if its worker was let go."""

    def unborn(self, worker: Worker, child: Child, death: Death, error: SpawnFailed) -> None:
        """A replica did not get so far as to serve."""


class Worker:
    """A worker slot; :meth:`run` is its life.

    :param defects: ``killed_never_replaced`` and ``retired_replica_lives`` are its own
    """

    def __init__(
        self,
        worker_id: int,
        model: str,
        package: str,
        forks: Forks,
        hub: ProxyHub,
        owner: WorkerOwner,
        defects: Set[Defect] = frozenset(),
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
        self._owner = owner
        self._defects = defects
        self._child: Child | None = None
        self._routed = False
        self._port = 0
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
        return ReplicaRoute(self._child.id, self.model, self._port, self._retire.is_set())

    def retire(self, drain_seconds: float) -> None:
        """Let it go: no new request, the one in flight may take so long. :meth:`run` returns when it is gone."""
        self._drain_seconds = drain_seconds
        self._retire.set()

    def overdue(self, replica: int) -> None:
        """The handler of the replica of this number, if it still is this worker's, took too long: kill it."""
        if self._child is not None and self._child.id == replica:
            self._child.overdue = True
            self._forks.kill(self._child)

    def kill(self) -> None:
        """Kill its replica, if it has one."""
        if self._child is not None:
            self._forks.kill(self._child)

    async def run(self) -> None:
        """Live until retired."""
        while not self._retire.is_set():
            await self._unless_retired(asyncio.sleep(backoff(self.failures)))
            if self._retire.is_set():
                return
            await self._unless_retired(self._forks.up.wait())
            if self._forks.up.is_set():
                death = await self._one_life()
                if death.killed and Defect.KILLED_NEVER_REPLACED in self._defects:
                    await self._retire.wait()

    async def _one_life(self) -> Death:
        """Start a replica, and stay with it until it is gone; how it ended."""
        child = await self._forks.spawn(self.model, self._package)
        self._child = child
        born = time.monotonic()
        wrong = await self._loaded(child)
        if child.ready.done() and wrong is None:
            self.pid, self.error, self._routed = child.pid, None, True
            self._owner.changed()
            await self._unless_retired(asyncio.wait([child.exited]))
            if not child.exited.done():
                self._owner.changed()
                await self._hub.until(
                    lambda: child.id in self._hub.drained or child.exited.done(), self._drain_seconds
                )
        meant = not child.exited.done() and self._retire.is_set()
        if meant and Defect.RETIRED_REPLICA_LIVES in self._defects:
            return Death()
        self._forks.kill(child)
        death = await child.exited
        if self._routed:
            self.failures = 0 if time.monotonic() - born > HEALTHY_SECONDS else self.failures + 1
            self._owner.died(self, child, death, meant)
        elif wrong is not None:
            self._owner.unborn(self, child, death, wrong)
        if (
            wrong is not None and wrong.broken
        ):  # else the fork server died, which says nothing about the package
            self.error = wrong
            self.failures += 1
        self._hub.drained.discard(child.id)
        self._routed, self._child = False, None
        self._owner.changed()
        try:
            await self._hub.proxies.drop(self._link(child))
        except ChaosError as error:
            sys.stderr.write(f"{self._link(child)} is left: {error}\n")
        return death

    def _link(self, child: Child) -> str:
        """The fault proxy's name for the link to a replica; empty if it has none."""
        return self._hub.proxies.name("replica", self.model, child.id)

    async def _loaded(self, child: Child) -> SpawnFailed | None:
        """Wait until the replica has loaded its package, or the worker is retired; why it has not, if it failed."""
        try:
            async with asyncio.timeout(STARTUP_SECONDS):
                await self._unless_retired(asyncio.wait([child.ready]))
            if child.ready.done():
                child.ready.result()
                self._port = await self._hub.proxies.lead(self._link(child), child.port)
        except SpawnFailed as error:
            return error
        except ChaosError as error:
            sys.stderr.write(f"{self._link(child)}: {error}\n")
            return SpawnFailed(f"its link cannot be led through the fault proxy: {error}")
        except TimeoutError:
            return SpawnFailed(f"the model did not load within {STARTUP_SECONDS:.0f} s")
        return None

    async def _unless_retired(self, awaitable: Awaitable[object]) -> None:
        """Wait for it, or until retired, whichever is first."""
        tasks = [asyncio.ensure_future(awaitable), asyncio.ensure_future(self._retire.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
