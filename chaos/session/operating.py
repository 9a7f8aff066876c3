"""A program of operations inside a run: its steps are the experiment's actions, and its checks judge it at the end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import anyio

from chaos.errors import ChaosError, DocumentError
from chaos.history import Event
from chaos.operations.bystander import rows_of
from chaos.operations.program import Step, parse_step
from chaos.operations.record import ProgramRecord
from chaos.operations.running import Injector, Running, Underway
from chaos.reporting.verify.words import steps_said
from chaos.session.leftovers import owe_models
from chaos.session.plan import Plan
from chaos.targets.base import ControlRequests, Describe, Infer, Register, Target, need
from chaos.targets.context import Owe
from chaos.traffic.spec import WorkerSpec

__all__ = ["Operating", "would_operate"]


def would_operate(step: Mapping[str, Any]) -> str:
    """For a dry run: what a step would do, or why it could not be run."""
    try:
        return f"would {steps_said([parse_step(step, 'operate')])[0]}"
    except DocumentError as error:
        return f"a step could not be run: {error}"


class Operating:
    """The program of one run.

    :param owe: writes down what must be undone, such as models on a server that is not ours
    :param emit: writes to the history
    :param entered: called with ``fault`` before the first step and with ``recovery`` when all is cleaned up
    """

    def __init__(
        self, plan: Plan, owe: Owe, emit: Callable[..., Event], entered: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._owe = owe
        self._emit = emit
        self._entered = entered
        self._lock = anyio.Lock()
        self._underway: Underway | None = None
        self._settle: Callable[[], None] = lambda: None
        self.count = 0
        """How many steps there have been."""

    @property
    def busy(self) -> bool:
        """Whether a program is under way."""
        return self._underway is not None

    async def step(self, target: Target, injector: Injector, step: Step) -> list[dict[str, Any]]:
        """Run the next step; how each of its operations ended.

        :raises CapabilityError: if the target lacks what it takes
        :raises ChaosError: if the program has ended, or another step is under way
        """
        if self._lock.locked():
            raise ChaosError("a step of the program is under way (put one 'operate' after the other)")
        async with self._lock:
            number = self.count
            if self._underway is None:
                if number:
                    raise ChaosError("the program has ended, and was judged (put this 'operate' before that)")
                await self._begin(target, injector)
            assert self._underway is not None  # noqa: S101 - just begun
            self.count += 1
            await self._underway.step(step)
            done = ProgramRecord(self._underway.events).of_step(number)
        return [{"operation": str(each), "outcome": each.outcome, "status": each.status} for each in done]

    async def end(self) -> None:
        """Let it come to rest, and clean up after it. Idempotent."""
        async with self._lock:
            underway = self._underway
            if underway is None:
                return
            try:
                if not underway.lost:
                    await underway.rest()
            finally:
                with anyio.CancelScope(shield=True):
                    await underway.clean()
                    self._settle()
                self._underway = None
                self._entered("recovery")

    def frame(self, frame: Mapping[str, Any], worker: WorkerSpec) -> None:
        """Take in what the run's probes saw: requests to models that no step is about."""
        if self._underway is not None:
            names = [stream.name for stream in worker.streams]
            rows = [row for name in names for row in rows_of(frame["streams"].get(name, {"cells": ()}))]
            if rows:
                self._emit("bystander", frame["at"], rows=rows)

    async def _begin(self, target: Target, injector: Injector) -> None:
        for capability in (Register, Describe, Infer, ControlRequests):
            need(target, capability)
        tag = f"o{secrets.token_hex(3)}"
        self._settle = owe_models(self._owe, self._plan.arguments.target, self._plan.allow, tag)
        self._entered("fault")
        self._underway = await Underway.begin(Running(target, tag, self._emit, injector))
