"""The control plane: what models there are meant to be, and the operations that change it.

Each operation is atomic under its model's lock and idempotent; each wait has a deadline; a registration that
fails leaves nothing behind; what took effect is on disk before it is answered. What runs is brought to what is meant
by the workers, each by itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Set

from chaos.embedded.defects import Defect
from chaos.embedded.fleet import DRAIN_SECONDS, Fleet
from chaos.embedded.limits import Admission
from chaos.embedded.models import Model, ModelSettings, Refusal, Standing
from chaos.embedded.state import MeantModel, StateFile

__all__ = ["Manager"]

WAIT_SECONDS = 120.0
"""How long a synchronous operation waits for workers, unless it is told."""

SETTLE_SECONDS = 10.0
HEARSAY_SECONDS = 0.05
"""How old what a defective manager counts by is when it acts on it."""

CHECK_SECONDS = 0.05
"""How long a defective manager takes to check the health of one worker."""

ASK_SECONDS = 0.02
"""How long it takes to ask one worker what it has of another."""

REMEMBERED_BYTES = 512 * 1024
"""What a defective manager keeps of each model that was unregistered: its handlers' last words, for instance."""

HASTY_SECONDS = 1.0
"""What a defective manager gives a model's requests, once it has said that the model is gone."""


class Manager:
    """Owns what is meant to be.

    :param admission: what this node can bear
    :param tasks: where operations live that are not waited for
    """

    def __init__(
        self,
        admission: Admission,
        tasks: asyncio.TaskGroup,
        fleet: Fleet,
        state: StateFile,
        defects: Set[Defect] = frozenset(),
    ) -> None:
        self.models = fleet.models
        self.admission = admission
        self._tasks = tasks
        self._fleet = fleet
        self._state = state
        self.defects = defects
        self._stopping = False
        self._remembered: list[bytes] = []

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
        taken = self.models.get(settings.name)
        if taken is not None and taken.registered and Defect.REGISTER_REPLACES in self.defects:
            self.models.pop(settings.name)
        if settings.name in self.models:
            text = f"Model version 1.0 is already registered for model {settings.name}"
            raise Refusal(409, "ConflictStatusException", text)
        self._check_limit(workers, Model(settings), workers)
        if Defect.REGISTER_UNSERIALISED in self.defects:
            await asyncio.sleep(HEARSAY_SECONDS)
            if settings.name in self.models:
                self._fleet.change(self.models[settings.name], workers)
                return self.models[settings.name]
        model = Model(settings)
        self.models[settings.name] = model
        async with model.lock:
            self._fleet.resize(model, workers, workers)
            try:
                if not synchronous or await self._ready(model, WAIT_SECONDS):
                    await self._check_started(workers, lambda: self._remove(model, 0.0))
                    model.registered = True
                    await self._save()
                    return model
            except BaseException:
                self._fleet.abandon(model)
                raise
            error = model.error or "not ready in time"
            await self._take_away(model)
        raise Refusal(
            500, "InternalServerException", f"Failed to start workers for model {settings.name}: {error}"
        )

    async def scale(
        self, model: Model, minimum: int, maximum: int, synchronous: bool, seconds: float = WAIT_SECONDS
    ) -> bool:
        """Bring a model to at least ``minimum`` and at most ``maximum`` workers.

        :return: whether it is there; False if it was not waited for, or the time did not suffice
        :raises Refusal: 404 if the model leaves meanwhile, 400 over the worker limit, 500 if a worker that is missing
            cannot start; the model is as it was before then
        """
        self._check_limit(max(0, minimum - model.desired), model, minimum)
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
            if target == 0 and model.workers and Defect.SCALE_DOWN_KILLS not in self.defects:
                # no worker takes new requests, but those that were taken are served first
                model.desired = 0
                await self._fleet.hub.quiet(model.name, self._fleet.hub.publish(), DRAIN_SECONDS)
                self._check_there(model)
            before = Standing.of(model)
            if Defect.SCALE_CHECKS_ALL in self.defects:
                await self._one_by_one(model, target)
            self._fleet.resize(model, target, maximum, minimum)
            await self._save()
            ready = await self._ready(model, seconds)
            if not ready and target > len(before.workers) and (error := model.error):
                await self._take_back(model, before, error)
            await self._check_started(target - len(before.workers), lambda: self._go_back(model, before))
            return ready

    async def _one_by_one(self, model: Model, target: int) -> None:
        """The defect ``scale_checks_all``: each worker is waited for, and then all of them are checked."""
        while len(model.workers) < target:
            self._fleet.change(model, 1)
            await self._fleet.ready(model, SETTLE_SECONDS)
            await asyncio.sleep(CHECK_SECONDS * len(model.workers))

    async def _take_away(self, model: Model) -> None:
        """Leave nothing of a model whose registration failed."""
        if Defect.FAILED_REGISTRATION_KEEPS_WORKERS in self.defects:
            self.models.pop(model.name, None)
            return
        await self._remove(model, drain_seconds=0.0)
        if Defect.FAILED_REGISTRATION_KEEPS_NAME in self.defects:
            self.models[model.name] = model

    async def _take_back(self, model: Model, before: Standing, error: str) -> None:
        """Undo a scaling whose workers cannot start.

        :raises Refusal: 500, always
        """
        if Defect.FAILED_SCALE_KEEPS in self.defects:
            return
        wanted = model.min_workers, model.max_workers, model.desired
        self._fleet.restore(model, before)
        if Defect.FAILED_SCALE_ENDS_OLD in self.defects:
            for worker in model.workers:
                worker.kill()
        if Defect.FAILED_SCALE_DESIRES in self.defects:
            model.min_workers, model.max_workers, model.desired = wanted
        await self._fleet.ready(model, SETTLE_SECONDS)
        await self._save()
        text = f"Failed to start workers for model {model.name}, which keeps those it had: {error}"
        raise Refusal(500, "InternalServerException", text)

    async def scale_once_more(self, model: Model, workers: int) -> None:
        """The defect ``lost_answer_doubles``: so many workers more, which no later scaling takes away."""
        async with model.lock:
            self._check_there(model)
            self._check_limit(workers)
            model.extra += workers
            self._fleet.change(model, workers)

    def forget(self, model: Model) -> None:
        """The defect ``lost_registration_forgotten``: what runs for the model runs on."""
        self.models.pop(model.name, None)

    async def unregister(self, model: Model) -> None:
        """Finish a model's requests, then forget it. Operations that wait for its workers give up.

        :raises Refusal: 404 if somebody else was first
        """
        if model.leaving and Defect.UNREGISTER_TWICE_FAILS in self.defects:
            raise Refusal(500, "InternalServerException", f"Workers of model {model.name} are gone")
        if model.leaving and Defect.UNREGISTER_TWICE_HANGS in self.defects:
            await asyncio.sleep(WAIT_SECONDS)
        self._check_there(model)
        model.leaving = True
        self._fleet.hub.wake()
        if Defect.UNREGISTER_NOT_AWAITED in self.defects:
            self._tasks.create_task(self._remove(model, HASTY_SECONDS))
            return
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

    def _check_limit(self, more: int, model: Model | None = None, asked: int = 0) -> None:
        """With the defect ``refusal_remembered``, what was asked for is described of the model all the same."""
        try:
            self.admission.check(more)
        except Refusal:
            if model is not None and Defect.REFUSAL_REMEMBERED in self.defects:
                model.min_workers = model.max_workers = asked
                self.models[model.name] = model
            raise

    async def _check_started(self, more: int, undo: Callable[[], Awaitable[object]]) -> None:
        """The defect ``limit_checked_late``: what is too much is started first, and undone then."""
        try:
            self.admission.check_started(more)
        except Refusal:
            await undo()
            raise

    async def _go_back(self, model: Model, before: Standing) -> None:
        self._fleet.restore(model, before)
        await self._fleet.ready(model, SETTLE_SECONDS)

    async def _ready(self, model: Model, seconds: float) -> bool:
        ready = await self._fleet.ready(model, seconds)
        self._check_there(model)
        return ready

    async def _remove(self, model: Model, drain_seconds: float) -> None:
        """Drain and forget a model; its name is free when this returns."""
        model.leaving = model.closed = True
        hub = self._fleet.hub
        await hub.quiet(model.name, hub.publish(), drain_seconds)
        if Defect.UNREGISTER_CHECKS_ALL in self.defects:
            await asyncio.sleep(ASK_SECONDS * len(model.workers) ** 2)
        if Defect.MODEL_REMEMBERED in self.defects:
            self._remembered.append(os.urandom(REMEMBERED_BYTES))
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
