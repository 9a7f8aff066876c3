"""What is watched beside the probes for as long as a run lasts: the target's resources, its state, its last words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread

from chaos.errors import ChaosError
from chaos.session.plan import Plan
from chaos.session.watching import EXECUTIONS, error_entry, read_executions, watch_state
from chaos.sla.documents import INFERENCES
from chaos.targets.base import Describe, Errors, Processes, Target
from chaos.targets.resources import ResourceSampler

__all__ = ["last_words", "watch_resources", "watch_states"]

RESOURCE_SECONDS = 0.5
WORDS_SECONDS = 10.0

Emit = Callable[..., object]


async def watch_resources(target: Target, emit: Emit) -> None:
    """Emit ``resource`` events, where the target's processes are on this machine. Runs until cancelled."""
    if not isinstance(target, Processes):
        return
    sampler = ResourceSampler()
    while True:
        reading = await anyio.to_thread.run_sync(lambda: sampler.sample(target.pids()))
        emit(
            "resource",
            processes=reading.processes,
            cpu=round(reading.cpu, 3),
            rss=reading.rss,
            fds=reading.fds,
            threads=reading.threads,
        )
        await anyio.sleep(RESOURCE_SECONDS)


async def watch_states(target: Target, plan: Plan, emit: Emit) -> None:
    """Emit ``state`` events, where the experiment has checks that need them. Runs until cancelled."""
    if plan.arguments.checks and isinstance(target, Describe):
        await watch_state(target, _models(plan), emit)


async def last_words(target: Target, plan: Plan, emit: Emit) -> None:
    """Emit the target's error history, and what was executed, at the end of a run with checks."""
    if not plan.arguments.checks:
        return
    with anyio.move_on_after(WORDS_SECONDS, shield=True):
        if isinstance(target, Errors):
            try:
                records = [record for model in _models(plan) for record in await target.errors(model)]
            except ChaosError as error:
                emit("problem", text=f"the target's error history could not be read: {error}")
            else:
                emit("errors", errors=[error_entry(record) for record in records])
        path = anyio.Path(plan.directory / EXECUTIONS)
        if await path.exists():
            emit("executions", **await anyio.to_thread.run_sync(read_executions, Path(path)))


def _models(plan: Plan) -> list[str]:
    """Every model that the run serves or sends inferences to."""
    served = [model.name for model in plan.arguments.models]
    return sorted({*served, *(probe.model for probe in plan.probes if probe.api in INFERENCES)})
