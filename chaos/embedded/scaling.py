"""How a model gets more workers or fewer: under its lock, and back to what it was if those that are missing cannot
start."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from dataclasses import replace

from chaos.embedded.defects import Defect
from chaos.embedded.fleet import DRAIN_SECONDS, Fleet
from chaos.embedded.intent import HEARSAY_SECONDS, SETTLE_SECONDS, WAIT_SECONDS, Intent
from chaos.embedded.models import Model, Refusal, Standing

__all__ = ["Scaling"]

CHECK_SECONDS = 0.05
"""How long a defective manager takes to check the health of one worker."""


class Scaling:
    """Of the models of one fleet.

    :param tasks: where scalings live that are not waited for
    """

    def __init__(self, intent: Intent, tasks: asyncio.TaskGroup, fleet: Fleet, defects: Set[Defect]) -> None:
        self._intent = intent
        self._tasks = tasks
        self._fleet = fleet
        self._defects = defects

    async def to(
        self, model: Model, minimum: int, maximum: int, synchronous: bool, seconds: float = WAIT_SECONDS
    ) -> bool:
        """Bring a model to at least ``minimum`` and at most ``maximum`` workers.

        :return: whether it is there; False if it was not waited for, or the time did not suffice
        :raises Refusal: 404 if the model leaves meanwhile, 400 over the worker limit, 500 if a worker that is missing
            cannot start; the model is as it was before then
        """
        self._intent.check_limit(max(0, minimum - model.desired), model, minimum)
        if synchronous:
            return await self._scale(model, minimum, maximum, seconds)
        self._tasks.create_task(self._scale_later(model, minimum, maximum))
        return False

    async def once_more(self, model: Model, workers: int) -> None:
        """The defect ``lost_answer_doubles``: so many workers more, which no later scaling takes away."""
        async with model.lock:
            self._intent.check_there(model)
            self._intent.check_limit(workers)
            model.extra += workers
            self._fleet.change(model, workers)

    async def _scale_later(self, model: Model, minimum: int, maximum: int) -> None:
        try:
            await self._scale(model, minimum, maximum, WAIT_SECONDS)
        except Refusal:
            return  # it was answered 202 already; what came in between is in the model's description

    async def _scale(self, model: Model, minimum: int, maximum: int, seconds: float) -> bool:
        if Defect.SCALE_DESCRIBES_ONLY in self._defects:
            model.min_workers, model.max_workers, model.pretended = minimum, maximum, minimum
            return True
        if Defect.SCALE_LOST in self._defects and model.registered and model.lock.locked():
            return True
        difference = _target(model, minimum, maximum) - len(model.workers)
        if Defect.SCALE_UNSERIALISED in self._defects:
            await asyncio.sleep(HEARSAY_SECONDS)
            self._intent.check_there(model)
            model.min_workers, model.max_workers, model.desired = minimum, maximum, minimum
            self._fleet.change(model, difference)
            return await self._intent.ready(model, seconds)
        if Defect.SCALE_ADDS in self._defects:
            await asyncio.sleep(HEARSAY_SECONDS)
        async with model.lock:
            self._intent.check_there(model)
            target = _target(model, minimum, maximum)
            if Defect.SCALE_ADDS in self._defects:
                target = max(0, len(model.workers) + difference)
            if Defect.SCALE_TO_ZERO_REMEMBERS in self._defects:
                target, model.aside = (target + model.aside, 0) if target else (0, len(model.workers))
            self._intent.check_limit(max(0, target - len(model.workers)))
            hasty = Defect.SCALE_DOWN_KILLS in self._defects or self._fleet.hurried(model)
            if target == 0 and model.workers and not hasty:
                # no worker takes new requests, but those that were taken are served first
                model.desired = 0
                await self._fleet.hub.quiet(model.name, self._fleet.hub.publish(), DRAIN_SECONDS)
                self._intent.check_there(model)
            before = Standing.of(model)
            if Defect.SCALE_CHECKS_ALL in self._defects:
                await self._one_by_one(model, target)
            self._fleet.resize(model, target, maximum, minimum)
            if Defect.DESCRIBE_BETWEEN in self._defects:
                model.min_workers += before.minimum
            await self._intent.save()
            ready = await self._intent.ready(model, seconds)
            if Defect.DESCRIBE_BETWEEN in self._defects:
                model.min_workers = minimum
                await self._intent.save()
            if not ready and target > len(before.workers) and (error := model.error):
                await self._take_back(model, before, error)
            await self._intent.check_started(
                target - len(before.workers), lambda: self._go_back(model, before)
            )
            model.failed = None
            return ready

    async def _one_by_one(self, model: Model, target: int) -> None:
        """The defect ``scale_checks_all``: each worker is waited for, and then all of them are checked."""
        while len(model.workers) < target:
            self._fleet.change(model, 1)
            await self._fleet.ready(model, SETTLE_SECONDS)
            await asyncio.sleep(CHECK_SECONDS * len(model.workers))

    async def _take_back(self, model: Model, before: Standing, error: str) -> None:
        """Undo a scaling whose workers cannot start.

        :raises Refusal: 500, always
        """
        if Defect.FAILED_SCALE_KEEPS in self._defects:
            return
        wanted = model.min_workers, model.max_workers, model.desired
        if Defect.ROLLBACK_FORGETS in self._defects:
            number = model.failed
            model.failed = model.min_workers
            if number is not None:
                before = replace(before, minimum=number, maximum=number, desired=number)
        self._fleet.restore(model, before)
        if Defect.FAILED_SCALE_ENDS_OLD in self._defects:
            for worker in model.workers:
                worker.kill()
        if Defect.FAILED_SCALE_DESIRES in self._defects:
            model.min_workers, model.max_workers, model.desired = wanted
        await self._fleet.hub.until(lambda: not model.retiring or model.leaving, SETTLE_SECONDS)
        await self._fleet.ready(model, SETTLE_SECONDS)
        await self._intent.save()
        text = f"Failed to start workers for model {model.name}, which keeps those it had: {error}"
        raise Refusal(500, "InternalServerException", text)

    async def _go_back(self, model: Model, before: Standing) -> None:
        self._fleet.restore(model, before)
        await self._fleet.ready(model, SETTLE_SECONDS)


def _target(model: Model, minimum: int, maximum: int) -> int:
    """How many workers a model is to have: no change if there are at least ``minimum`` and at most ``maximum``."""
    count = len(model.workers) - model.extra
    return model.extra + (minimum if count < minimum else maximum if count > maximum else count)
