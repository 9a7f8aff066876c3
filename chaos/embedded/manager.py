"""The control plane: what models there are meant to be, and the operations that change it.

Each operation is atomic under its model's lock and idempotent; each wait has a deadline; a registration that
fails leaves nothing behind; what took effect is on disk before it is answered. What runs is brought to what is meant
by the workers, each by itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Set

from chaos.embedded.defects import Defect
from chaos.embedded.fleet import DRAIN_SECONDS, Fleet
from chaos.embedded.intent import HEARSAY_SECONDS, SETTLE_SECONDS, WAIT_SECONDS, Intent
from chaos.embedded.limits import Admission
from chaos.embedded.models import Model, ModelSettings, Refusal
from chaos.embedded.scaling import Scaling
from chaos.embedded.state import StateFile

__all__ = ["Manager"]

ASK_SECONDS = 0.02
"""How long it takes to ask one worker what it has of another."""

REMEMBERED_BYTES = 512 * 1024
"""What a defective manager keeps of each model that was unregistered: its handlers' last words, for instance."""

HASTY_SECONDS = 1.0
"""What a defective manager gives a model's requests, once it has said that the model is gone."""


class Manager:
    """Owns what is meant to be; ``scaling`` is the operation of that name.

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
        self.defects = defects
        self._intent = Intent(admission, fleet, state, defects)
        self.scaling = Scaling(self._intent, tasks, fleet, defects)
        self._tasks = tasks
        self._fleet = fleet
        self._remembered: list[bytes] = []
        self._counts: dict[str, int] = {}

    def restore(self) -> None:
        """Serve again what an earlier manager served."""
        self._intent.restore()

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
        if taken is not None and Defect.RETRY_REGISTERS_TWICE in self.defects and await _unheard(taken):
            await self.scaling.once_more(taken, workers)
            await self._intent.ready(taken, WAIT_SECONDS)
            return taken
        if settings.name in self.models:
            text = f"Model version 1.0 is already registered for model {settings.name}"
            raise Refusal(409, "ConflictStatusException", text)
        workers = self._counts.pop(settings.name, workers)  # there are none but with a defect
        self._intent.check_limit(workers, Model(settings), workers)
        if self.defects & {Defect.REGISTER_UNSERIALISED, Defect.DUPLICATE_REGISTER_WINS}:
            await asyncio.sleep(HEARSAY_SECONDS)
            if (winner := self.models.get(settings.name)) is not None:
                ours = Defect.DUPLICATE_REGISTER_WINS in self.defects
                self._fleet.change(Model(settings) if ours else winner, workers)
                return winner
        model = Model(settings)
        self.models[settings.name] = model
        async with model.lock:
            self._fleet.resize(model, workers, workers)
            try:
                if not synchronous or await self._intent.ready(model, WAIT_SECONDS):
                    await self._intent.check_started(workers, lambda: self._remove(model, 0.0))
                    model.registered = True
                    await self._intent.save()
                    return model
            except BaseException:
                self._fleet.abandon(model)
                raise
            error = model.error or "not ready in time"
            await self._take_away(model)
        raise Refusal(
            500, "InternalServerException", f"Failed to start workers for model {settings.name}: {error}"
        )

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
        if model.leaving and Defect.UNREGISTER_TWICE_REVIVES in self.defects:
            await self._revive(model)
        self._intent.check_there(model)
        model.leaving = True
        if Defect.UNREGISTER_DURING_LOAD_LEAKS in self.defects:
            model.workers = [worker for worker in model.workers if worker.pid > 0]
        self._fleet.hub.wake()
        if Defect.UNREGISTER_NOT_AWAITED in self.defects:
            self._tasks.create_task(self._remove(model, HASTY_SECONDS))
            return
        async with model.lock:
            if self.models.get(model.name) is not model:
                raise Refusal(404, "ModelNotFoundException", f"Model not found: {model.name}")
            # of a registration that gave up for this, no worker is left that could serve what waits
            served = model.workers and not self._fleet.hurried(model)
            await self._remove(model, DRAIN_SECONDS if served else 0.0)
        if Defect.UNREGISTER_THEN_REGISTER_STALE in self.defects:
            self._counts[model.name] = model.max_workers

    async def stop(self, seconds: float) -> None:
        """Take no new request, and give those there are so long to finish."""
        self._intent.stopping = True
        for model in self.models.values():
            model.leaving, model.desired = True, 0
        hub = self._fleet.hub
        generation = hub.publish()
        names = list(self.models)
        await asyncio.gather(*(hub.quiet(name, generation, seconds) for name in names))

    async def _revive(self, model: Model) -> None:
        """The defect ``unregister_twice_revives``: the model is as it was before it was unregistered."""
        async with model.lock:
            await self.register(model.settings, model.max_workers, synchronous=True)

    async def _take_away(self, model: Model) -> None:
        """Leave nothing of a model whose registration failed."""
        if Defect.FAILED_REGISTRATION_KEEPS_WORKERS in self.defects:
            self.models.pop(model.name, None)
            return
        await self._remove(model, drain_seconds=0.0)
        if Defect.FAILED_REGISTRATION_KEEPS_NAME in self.defects:
            self.models[model.name] = model

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
        await self._intent.save()


async def _unheard(model: Model) -> bool:
    """The defect ``retry_registers_twice``: whether a model's registration, when it is done, was answered to nobody."""
    async with model.lock:
        return model.unheard
