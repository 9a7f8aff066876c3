"""What runs for the models: their workers, brought to what is meant, and what became of those that died."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from collections import deque
from collections.abc import Set
from datetime import UTC, datetime

from chaos.embedded.defects import Defect
from chaos.embedded.error_history import ErrorEntry, ErrorHistory, ErrorType
from chaos.embedded.forks import Child, Death, Forks, SpawnFailed
from chaos.embedded.hub import ProxyHub
from chaos.embedded.models import Model, Standing
from chaos.embedded.routes import RouteTable
from chaos.embedded.workers import RETRYING, Worker

__all__ = ["DRAIN_SECONDS", "Fleet"]

FIRST_WORKER_ID = 9000
DRAIN_SECONDS = 30.0
"""How long the requests of a model that leaves may take to finish."""

DEATHS_KEPT = 64
LATELY_SECONDS = 10.0
"""For how long a defective fleet takes a model for broken of which a worker died, or could not start."""

POLLING_SECONDS = 0.01
"""How long a defective fleet waits, at first, before it looks whether another worker is as far."""


class Fleet:
    """The workers of all ``models``. The fork server and the proxy are given by :meth:`attach` before anything else.

    :param tasks: where workers live
    """

    def __init__(self, tasks: asyncio.TaskGroup, history: ErrorHistory, defects: Set[Defect]) -> None:
        self.models: dict[str, Model] = {}
        self._tasks = tasks
        self._history = history
        self._defects = defects
        self._deaths: deque[tuple[int, int]] = deque(maxlen=DEATHS_KEPT)
        self._worker_ids = itertools.count(FIRST_WORKER_ID)

    def attach(self, forks: Forks, hub: ProxyHub) -> None:
        """Give it the processes it works through."""
        self._forks, self.hub = forks, hub

    def snapshot(self, generation: int) -> RouteTable:
        """The route table as of now."""
        return RouteTable(
            generation=generation,
            models=tuple(model.route() for model in self.models.values()),
            replicas=tuple(route for worker in self._workers() if (route := worker.route()) is not None),
            deaths=tuple(self._deaths),
        )

    def stuck(self, replica: int) -> None:
        """A handler took longer than it may: kill its replica; the worker starts another."""
        for worker in self._workers():
            worker.overdue(replica)

    def resize(self, model: Model, target: int, maximum: int, minimum: int | None = None) -> None:
        """Set what is meant to be, and start or retire workers for it. Takes effect as one."""
        model.min_workers = target if minimum is None else minimum
        model.max_workers, model.desired = maximum, target
        self.change(model, target - len(model.workers))

    def change(self, model: Model, number: int) -> None:
        """Start so many workers more, or retire as many if it is negative; what is meant to be stays as it is."""
        for place in range(number):
            worker = Worker(
                next(self._worker_ids),
                model.name,
                str(model.settings.package),
                self._forks,
                self.hub,
                self,
                self._defects,
            )
            model.workers.append(worker)
            if Defect.LOG_KEPT_OPEN in self._defects:
                os.open(os.devnull, os.O_WRONLY)
            self._tasks.create_task(self._live(model, worker, self._turn(place)))
        # those that do not serve go first, then the youngest
        surplus = sorted(model.workers, key=lambda worker: (worker.ready, -worker.id))
        hasty = Defect.SCALE_DOWN_KILLS in self._defects or self.hurried(model)
        drain = 0.0 if hasty else DRAIN_SECONDS
        for place, worker in enumerate(surplus[: max(0, -number)]):
            self._retire(model, worker, drain, place)
        self.changed()

    def restore(self, model: Model, before: Standing) -> None:
        """Set again what was meant before more workers were started, and let these go. Takes effect as one."""
        model.min_workers, model.max_workers, model.desired = before.minimum, before.maximum, before.desired
        for worker in [worker for worker in model.workers if worker not in before.workers]:
            self._retire(model, worker, DRAIN_SECONDS)
        self.changed()

    def abandon(self, model: Model) -> None:
        """Let all of a model's workers go, without waiting for anything."""
        model.leaving, model.desired = True, 0
        for place, worker in enumerate(list(model.workers)):
            self._retire(model, worker, 0.0, place)

    def hurried(self, model: Model) -> bool:
        """The defect ``drain_skipped_in_fault``: whether requests of a model are not waited for, as it seems broken."""
        if Defect.DRAIN_SKIPPED_IN_FAULT not in self._defects:
            return False
        since = time.monotonic() - LATELY_SECONDS
        return any(error["monotonic"] > since for error in self._history.latest(model.name, 1))

    async def ready(self, model: Model, seconds: float) -> bool:
        """Whether all workers serve, and no others are left; waits for it, but not for those that keep failing."""

        def there() -> bool:
            return not model.retiring and all(worker.connected for worker in model.workers)

        def hopeless() -> bool:
            return any(
                not worker.ready and (worker.error is not None or worker.failures >= RETRYING)
                for worker in model.workers
            )

        await self.hub.until(lambda: there() or hopeless() or model.leaving, seconds)
        return there()

    # what workers say

    def changed(self) -> None:
        """Tell the proxy, and wake who waits."""
        self.hub.publish()
        self.hub.wake()

    def died(self, worker: Worker, child: Child, death: Death, meant: bool) -> None:
        """The proxy must know how, to answer the request that was with the replica; people want to know why."""
        self._deaths.append((child.id, signal.SIGKILL if death.oom else death.signal))
        if meant:
            return
        kind: ErrorType = "OOMKilled" if death.oom else "Killed" if death.signal else "Exited"
        late = " (the platform's: its handler took longer than the response timeout)" if child.overdue else ""
        self._note(worker, child, death, kind, f"{death}{late}")
        if death.oom and Defect.OOM_TAKES_ALL in self._defects:
            for other in self._workers():
                other.kill()
        if not death.killed and Defect.CRASH_ENDS_ALL in self._defects:
            self._forks.end()

    def unborn(self, worker: Worker, child: Child, death: Death, error: SpawnFailed) -> None:
        """Why a package does not load is told in its own words."""
        kind: ErrorType = "OOMKilled" if death.oom else "LoadFailed" if error.broken else "Killed"
        self._note(worker, child, death, kind, str(error))
        if error.broken and Defect.FAILED_START_ENDS_ALL in self._defects:
            self._forks.end()

    def _note(self, worker: Worker, child: Child, death: Death, kind: ErrorType, detail: str) -> None:
        by = death.oom
        if by and Defect.OOM_UNNAMED in self._defects:
            kind, by, detail = "Exited", "", "exit code 1"
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._history.add(
            ErrorEntry(at, time.monotonic(), worker.model, str(worker.id), child.pid, kind, by, detail)
        )

    def _workers(self) -> list[Worker]:
        return [worker for model in self.models.values() for worker in (*model.workers, *model.retiring)]

    def _retire(self, model: Model, worker: Worker, drain_seconds: float, place: int = 0) -> None:
        model.workers.remove(worker)
        model.retiring.append(worker)
        if Defect.RETIRES_IN_TURN in self._defects:
            seconds = POLLING_SECONDS * (2 ** (place + 1) - 1)
            asyncio.get_running_loop().call_later(seconds, worker.retire, drain_seconds)
            return
        worker.retire(drain_seconds)

    def _turn(self, place: int) -> float:
        """How long a worker that is one of several is not started: with the defect ``starts_wait_in_turn``."""
        return (
            3 * POLLING_SECONDS * place * (place + 1) if Defect.STARTS_WAIT_IN_TURN in self._defects else 0.0
        )

    async def _live(self, model: Model, worker: Worker, pause: float) -> None:
        if pause:
            await asyncio.sleep(pause)
        await worker.run()
        if worker in model.retiring:
            model.retiring.remove(worker)
        self.changed()
