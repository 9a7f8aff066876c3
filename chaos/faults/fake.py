"""The public double of what a fault is given: it records what the fault states, and starts what it asks for."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.to_thread

from chaos.errors import ChaosError
from chaos.faults.base import Blast, FaultContext, Undo
from chaos.faults.helper import Helper, start_helper
from chaos.marks import LEASE, end_bearers
from chaos.targets.base import Target
from chaos.targets.testing import ContractError
from chaos.traffic.running import RunningTraffic, run_traffic
from chaos.traffic.spec import WorkerSpec

__all__ = ["FakeContext", "StoppedAfterIntentError", "fake_context"]


class StoppedAfterIntentError(ChaosError):
    """Ends an injection right after the intent, as a death of the harness does."""


@dataclass
class FakeContext:
    """What a fault has done by the ``given`` context. ``order`` has the names of the calls as they came."""

    given: FaultContext
    stated: list[tuple[Blast, Undo]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    helpers: list[Helper] = field(default_factory=list)
    traffic: list[RunningTraffic] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    @property
    def undo(self) -> dict[str, Any]:
        """What was stated first, as a ledger gives it back."""
        return dict(self.stated[0][1])

    async def end(self) -> None:
        """End what the fault has started. Idempotent."""
        for helper in self.helpers:
            await helper.end()
        for running in self.traffic:
            await running.stop()

    def noted(self, about: str) -> list[dict[str, Any]]:
        """The evidence about one thing."""
        return [note for note in self.notes if note["about"] == about]


@asynccontextmanager
async def fake_context(
    target: Target,
    *,
    lease: str = "",
    seed: int = 1,
    seconds: float = 1.0,
    link_api: str = "",
    stop_after_intent: bool = False,
) -> AsyncIterator[FakeContext]:
    """A context whose helpers and traffic workers are real; what is left of them at the end is killed.

    :param lease: its name; a fresh one if not given
    :param stop_after_intent: whether ``intend`` raises when it has written down what was stated
    """
    name = lease or f"check-{uuid.uuid4().hex[:12]}"
    async with _alone(), anyio.create_task_group() as tasks:

        async def intend(blast: Blast, undo: Undo) -> None:
            context.order.append("intend")
            context.stated.append((blast, _written(undo)))
            if stop_after_intent:
                raise StoppedAfterIntentError("stopped after the intent")

        async def traffic(spec: WorkerSpec) -> RunningTraffic:
            context.order.append("traffic")
            running: RunningTraffic = await tasks.start(
                run_traffic, spec, lambda _frame: None, lambda *_report: None, 0.2
            )
            context.traffic.append(running)
            return running

        async def helper(command: Sequence[str]) -> Helper:
            context.order.append("helper")
            context.helpers.append(await start_helper(command, name))
            return context.helpers[-1]

        def note(about: str, at: float | None = None, **values: Any) -> None:
            entry = {"about": about, "at": time.monotonic() if at is None else at, **values}
            context.notes.append(json.loads(json.dumps(entry)))

        context = FakeContext(
            FaultContext(name, target, seed, seconds, intend, traffic, helper, note, link_api)
        )
        try:
            yield context
        finally:
            with anyio.CancelScope(shield=True):
                await context.end()
                await anyio.to_thread.run_sync(end_bearers, LEASE, name, 0.0)
            tasks.cancel_scope.cancel()


def _written(undo: Undo) -> Undo:
    """As it comes back from a ledger."""
    try:
        read: dict[str, Any] = json.loads(json.dumps(dict(undo), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ContractError("intend", [f"what undoes it is not JSON: {error}"]) from None
    if read != dict(undo):
        raise ContractError("intend", [f"what undoes it does not survive as JSON: {undo!r}"])
    return read


@asynccontextmanager
async def _alone() -> AsyncIterator[None]:
    """What a test raises reaches it as it was, not in the group that a task group makes of it."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
