"""The control plane: what models there are meant to be, and the operations that change it.

Each operation is atomic under its model's lock and idempotent; each wait has a deadline; a registration that
fails leaves nothing behind. What runs is brought to what is meant by the workers, each by itself.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque

from chaos.embedded.forks import Forks
from chaos.embedded.hub import ProxyHub
from chaos.embedded.models import Model, ModelSettings, Refusal
from chaos.embedded.routes import RouteTable
from chaos.embedded.workers import RETRYING, Worker

__all__ = ["Manager"]

FIRST_WORKER_ID = 9000
WAIT_SECONDS = 120.0
"""How long a synchronous operation waits for workers, unless it is told."""

DRAIN_SECONDS = 30.0
"""How long the requests of a model that leaves may take to finish."""

SETTLE_SECONDS = 10.0
DEATHS_KEPT = 64


class Manager:
    """Owns all models. The fork server and the proxy are given by :meth:`attach` before anything else.

    :param worker_limit: how many workers this node may have in all
    :param tasks: where workers live
    """

    def __init__(self, worker_limit: int, tasks: asyncio.TaskGroup) -> None:
        self.models: dict[str, Model] = {}
        self.worker_limit = worker_limit
        self._tasks = tasks
        self._deaths: deque[tuple[int, int]] = deque(maxlen=DEATHS_KEPT)
        self._worker_ids = itertools.count(FIRST_WORKER_ID)
        self._stopping = False

    def attach(self, forks: Forks, hub: ProxyHub) -> None:
        """Give it the processes it works through."""
        self._forks, self._hub = forks, hub

    def find(self, name: str) -> Model:
        """The model of a name.

        :raises Refusal: 404 if there is none
        """
        model = self.models.get(name)
        if model is None:
            raise Refusal(404, "ModelNotFoundException", f"Model not found: {name}")
        return model

    def snapshot(self, generation: int) -> RouteTable:
        """The route table as of now."""
        workers = [worker for model in self.models.values() for worker in (*model.workers, *model.retiring)]
        return RouteTable(
            generation=generation,
            models=tuple(model.route() for model in self.models.values()),
            replicas=tuple(route for worker in workers if (route := worker.route()) is not None),
            deaths=tuple(self._deaths),
        )

    def stuck(self, replica: int) -> None:
        """A handler took longer than it may: kill its replica; the worker starts another."""
        for model in self.models.values():
            for worker in (*model.workers, *model.retiring):
                worker.kill(replica)

    async def register(self, settings: ModelSettings, workers: int, synchronous: bool) -> Model:
        """Serve a package as a model; synchronous: return when its workers are ready.

        :raises Refusal: 409 for a name that is taken, 400 over the worker limit, 500 if a worker cannot start;
            nothing of the registration is left then
        """
        if settings.name in self.models:
            text = f"Model version 1.0 is already registered for model {settings.name}"
            raise Refusal(409, "ConflictStatusException", text)
        self._check_limit(workers)
        model = Model(settings)
        self.models[settings.name] = model
        async with model.lock:
            self._resize(model, workers, workers)
            if not synchronous:
                return model
            try:
                if await self._wait_ready(model, WAIT_SECONDS):
                    return model
            except BaseException:
                self._abandon(model)
                raise
            error = next((str(worker.error) for worker in model.workers if worker.error), "not ready in time")
            await self._remove(model, drain_seconds=0.0)
        raise Refusal(
            500, "InternalServerException", f"Failed to start workers for model {settings.name}: {error}"
        )

    async def scale(
        self, model: Model, minimum: int, maximum: int, synchronous: bool, seconds: float = WAIT_SECONDS
    ) -> bool:
        """Bring a model to at least ``minimum`` and at most ``maximum`` workers.

        :return: whether it is there; False if it was not waited for, or the time did not suffice
        :raises Refusal: 404 if the model leaves meanwhile, 400 over the worker limit
        """
        self._check_limit(max(0, minimum - model.desired))
        if synchronous:
            return await self._scale(model, minimum, maximum, seconds)
        self._tasks.create_task(self._scale_later(model, minimum, maximum))
        return False

    async def _scale_later(self, model: Model, minimum: int, maximum: int) -> None:
        try:
            await self._scale(model, minimum, maximum, WAIT_SECONDS)
        except Refusal:
            return  # it was answered 202 already; what came in between is in the model's description

    async def _scale(self, model: Model, minimum: int, maximum: int, seconds: float) -> bool:
        async with model.lock:
            self._check_there(model)
            count = len(model.workers)
            target = minimum if count < minimum else maximum if count > maximum else count
            self._check_limit(max(0, target - count))
            if target == 0 and count > 0:
                # no worker takes new requests, but those that were taken are served first
                model.desired = 0
                await self._hub.quiet(model.name, self._hub.publish(), DRAIN_SECONDS)
                self._check_there(model)
            self._resize(model, target, maximum, minimum)
            return await self._wait_ready(model, seconds)

    async def unregister(self, model: Model) -> None:
        """Finish a model's requests, then forget it. Operations that wait for its workers give up.

        :raises Refusal: 404 if somebody else was first
        """
        self._check_there(model)
        model.leaving = True
        self._hub.wake()
        async with model.lock:
            if self.models.get(model.name) is not model:
                raise Refusal(404, "ModelNotFoundException", f"Model not found: {model.name}")
            await self._remove(model, DRAIN_SECONDS)

    async def stop(self, seconds: float) -> None:
        """Take no new request, and give those there are so long to finish."""
        self._stopping = True
        for model in self.models.values():
            model.leaving, model.desired = True, 0
        generation = self._hub.publish()
        names = list(self.models)
        await asyncio.gather(*(self._hub.quiet(name, generation, seconds) for name in names))

    def _check_there(self, model: Model) -> None:
        if model.leaving or self._stopping:
            raise Refusal(
                404, "ModelNotFoundException", f"Model not found: {model.name} (it is being unregistered)"
            )

    def _check_limit(self, more: int) -> None:
        used = sum(model.desired for model in self.models.values())
        if more and used + more > self.worker_limit:
            raise Refusal(
                400,
                "BadRequestException",
                f"This node runs at most {self.worker_limit} workers; {used} are taken, so {more} more cannot be "
                "started. Scale another model down first.",
            )

    def _resize(self, model: Model, target: int, maximum: int, minimum: int | None = None) -> None:
        """Set what is meant to be, and start or retire workers for it. Takes effect as one."""
        model.min_workers = target if minimum is None else minimum
        model.max_workers, model.desired = maximum, target
        while len(model.workers) < target:
            worker = Worker(
                next(self._worker_ids),
                model.name,
                str(model.settings.package),
                self._forks,
                self._hub,
                self._changed,
                self._died,
            )
            model.workers.append(worker)
            self._tasks.create_task(self._live(model, worker))
        # those that do not serve go first, then the youngest
        surplus = sorted(model.workers, key=lambda worker: (worker.ready, -worker.id))
        for worker in surplus[: len(model.workers) - target]:
            self._retire(model, worker, DRAIN_SECONDS)
        self._changed()

    def _retire(self, model: Model, worker: Worker, drain_seconds: float) -> None:
        model.workers.remove(worker)
        model.retiring.append(worker)
        worker.retire(drain_seconds)

    async def _live(self, model: Model, worker: Worker) -> None:
        await worker.run()
        if worker in model.retiring:
            model.retiring.remove(worker)
        self._changed()

    async def _wait_ready(self, model: Model, seconds: float) -> bool:
        """Whether all workers serve, and no others are left. Gives up early on those that keep failing."""

        def there() -> bool:
            return not model.retiring and all(worker.connected for worker in model.workers)

        def hopeless() -> bool:
            return any(
                not worker.ready and (worker.error is not None or worker.failures >= RETRYING)
                for worker in model.workers
            )

        await self._hub.until(lambda: there() or hopeless() or model.leaving, seconds)
        self._check_there(model)
        return there()

    async def _remove(self, model: Model, drain_seconds: float) -> None:
        """Drain and forget a model; its name is free when this returns."""
        model.leaving = model.closed = True
        await self._hub.quiet(model.name, self._hub.publish(), drain_seconds)
        self._abandon(model)
        await self._hub.until(lambda: not model.retiring, SETTLE_SECONDS)
        self.models.pop(model.name, None)
        await self._hub.settled(self._hub.publish(), SETTLE_SECONDS)

    def _abandon(self, model: Model) -> None:
        """Let all of a model's workers go, without waiting for anything."""
        model.leaving, model.desired = True, 0
        for worker in list(model.workers):
            self._retire(model, worker, 0.0)

    def _changed(self) -> None:
        self._hub.publish()
        self._hub.wake()

    def _died(self, replica: int, number: int) -> None:
        self._deaths.append((replica, number))
