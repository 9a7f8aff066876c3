"""The control plane: what models there are meant to be, and the operations that change it.

Each operation is atomic under its model's lock and idempotent; each wait has a deadline; a registration that
fails leaves nothing behind; what took effect is on disk before it is answered. What runs is brought to what is meant
by the workers, each by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Set

from chaos.embedded.defects import Defect
from chaos.embedded.fleet import DRAIN_SECONDS, Fleet
from chaos.embedded.models import Model, ModelSettings, Refusal
from chaos.embedded.state import MeantModel, StateFile

__all__ = ["Manager"]

WAIT_SECONDS = 120.0
"""How long a synchronous operation waits for workers, unless it is told."""

SETTLE_SECONDS = 10.0
HEARSAY_SECONDS = 0.05
"""How old what a defective manager counts by is when it acts on it."""


class Manager:
    """Owns what is meant to be.

    :param worker_limit: how many workers this node may have in all
    :param tasks: where operations live that are not waited for
    """

    def __init__(
        self,
        worker_limit: int,
        tasks: asyncio.TaskGroup,
        fleet: Fleet,
        state: StateFile,
        defects: Set[Defect] = frozenset(),
    ) -> None:
        self.models = fleet.models
        self.worker_limit = worker_limit
        self._tasks = tasks
        self._fleet = fleet
        self._state = state
        self.defects = defects
        self._stopping = False

    def restore(self) -> None:
        """Serve again what an earlier manager served."""
        for meant in self._state.load():
            model = self.models[meant.settings.name] = Model(meant.settings, registered=True)
            self._fleet.resize(model, meant.desired, meant.max_workers, meant.min_workers)

    def find(self, name: str) -> Model:
        """The model of a name.

        :raises Refusal: 404 if there is none
        """
        model = self.models.get(name)
        if model is None:
            raise Refusal(404, "ModelNotFoundException", f"Model not found: {name}")
        return model

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
            self._fleet.resize(model, workers, workers)
            try:
                if not synchronous or await self._ready(model, WAIT_SECONDS):
                    model.registered = True
                    await self._save()
                    return model
            except BaseException:
                self._fleet.abandon(model)
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
        if Defect.SCALE_DESCRIBES_ONLY in self.defects:
            model.min_workers, model.max_workers, model.pretended = minimum, maximum, minimum
            return True
        difference = _target(model, minimum, maximum) - len(model.workers)
        if Defect.SCALE_UNSERIALISED in self.defects:
            await asyncio.sleep(HEARSAY_SECONDS)
            self._check_there(model)
            model.min_workers, model.max_workers, model.desired = minimum, maximum, minimum
            self._fleet.change(model, difference)
            return await self._ready(model, seconds)
        if Defect.SCALE_ADDS in self.defects:
            await asyncio.sleep(HEARSAY_SECONDS)
        async with model.lock:
            self._check_there(model)
            target = _target(model, minimum, maximum)
            if Defect.SCALE_ADDS in self.defects:
                target = max(0, len(model.workers) + difference)
            self._check_limit(max(0, target - len(model.workers)))
            if target == 0 and model.workers:
                # no worker takes new requests, but those that were taken are served first
                model.desired = 0
                await self._fleet.hub.quiet(model.name, self._fleet.hub.publish(), DRAIN_SECONDS)
                self._check_there(model)
            self._fleet.resize(model, target, maximum, minimum)
            await self._save()
            return await self._ready(model, seconds)

    async def scale_once_more(self, model: Model, workers: int) -> None:
        """The defect ``lost_answer_doubles``: so many workers more, which no later scaling takes away."""
        async with model.lock:
            self._check_there(model)
            self._check_limit(workers)
            model.extra += workers
            self._fleet.change(model, workers)

    async def unregister(self, model: Model) -> None:
        """Finish a model's requests, then forget it. Operations that wait for its workers give up.

        :raises Refusal: 404 if somebody else was first
        """
        self._check_there(model)
        model.leaving = True
        self._fleet.hub.wake()
        async with model.lock:
            if self.models.get(model.name) is not model:
                raise Refusal(404, "ModelNotFoundException", f"Model not found: {model.name}")
            await self._remove(model, DRAIN_SECONDS)

    async def stop(self, seconds: float) -> None:
        """Take no new request, and give those there are so long to finish."""
        self._stopping = True
        for model in self.models.values():
            model.leaving, model.desired = True, 0
        hub = self._fleet.hub
        generation = hub.publish()
        names = list(self.models)
        await asyncio.gather(*(hub.quiet(name, generation, seconds) for name in names))

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

    async def _ready(self, model: Model, seconds: float) -> bool:
        ready = await self._fleet.ready(model, seconds)
        self._check_there(model)
        return ready

    async def _remove(self, model: Model, drain_seconds: float) -> None:
        """Drain and forget a model; its name is free when this returns."""
        model.leaving = model.closed = True
        hub = self._fleet.hub
        await hub.quiet(model.name, hub.publish(), drain_seconds)
        self._fleet.abandon(model)
        await hub.until(lambda: not model.retiring, SETTLE_SECONDS)
        self.models.pop(model.name, None)
        await hub.settled(hub.publish(), SETTLE_SECONDS)
        await self._save()

    async def _save(self) -> None:
        if not self._stopping:
            await self._state.save(self._meant)

    def _meant(self) -> list[MeantModel]:
        return [
            MeantModel(model.settings, model.min_workers, model.max_workers, model.desired)
            for model in self.models.values()
            if model.registered
        ]


def _target(model: Model, minimum: int, maximum: int) -> int:
    """How many workers a model is to have: no change if there are at least ``minimum`` and at most ``maximum``."""
    count = len(model.workers) - model.extra
    return model.extra + (minimum if count < minimum else maximum if count > maximum else count)
