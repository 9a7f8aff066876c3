"""Waiting until a model has come to rest: asked for, ready and alive are the same number, and stay it for a moment.

Processes are counted, not believed (D12), where the target runs on this machine.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import anyio

from chaos.errors import TargetError
from chaos.targets.base import Describe, Parts, Target, need
from chaos.targets.embedded import Embedded
from chaos.targets.records import ModelState

__all__ = ["Seen", "settle"]

QUIET_SECONDS = 0.5
"""How long a state must last to be one of rest: what comes late would else come after the look."""
LOOK_SECONDS = 5.0
EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """A model as it was seen last.

    ``described`` has ``desired``, ``workers`` and ``pids`` in the target's words, or an ``error``. ``processes`` counts
    its living replica processes; None where they cannot be seen. ``settled_in`` is the time in seconds after which it
    had come to rest; None if it had not.
    """

    described: dict[str, Any]
    processes: int | None
    settled_in: float | None = None


async def settle(target: Target, model: str, wanted: Collection[int], seconds: float) -> Seen:
    """Wait until it is at rest at one of the ``wanted`` numbers of workers, or ``seconds`` have passed.

    :param seconds: for coming to rest; that it stays there is looked at beyond them
    """
    began = time.monotonic()
    count: int | None = None
    since = began
    while True:
        looked = time.monotonic()
        described, processes, found = await _look(target, model)
        if found not in wanted:
            found = None
        if found is None or found != count:
            count, since = found, looked
        if count is not None and time.monotonic() - since >= QUIET_SECONDS:
            return Seen(described, processes, since - began)
        late = time.monotonic() - began >= seconds
        if late and (count is None or since - began >= seconds):
            return Seen(described, processes)
        await anyio.sleep(EVERY_SECONDS)


async def _look(target: Target, model: str) -> tuple[dict[str, Any], int | None, int | None]:
    """What is described, the processes, and the number of workers that all of it agrees on."""
    described: dict[str, Any] = {"error": f"no answer within {LOOK_SECONDS:g} s"}
    processes: int | None = None
    with anyio.move_on_after(LOOK_SECONDS):
        try:
            state = await need(target, Describe).describe(model)
            described = {"desired": state.desired, "workers": state.workers, "pids": list(state.pids)}
            processes = await _count(target, state)
        except TargetError as error:
            return {"error": str(error)}, None, None
        # a process that is described though it is not ready is one too many
        accounts = {state.desired, state.workers, len(state.pids) or state.workers}
        accounts |= set() if processes is None else {processes}
        return described, processes, state.workers if len(accounts) == 1 else None
    return described, processes, None


async def _count(target: Target, state: ModelState) -> int | None:
    """The living replica processes of a model.

    A server behind a forwarded port, or in a container, describes pids that mean nothing here, and no replica is found;
    of the embedded platform we know that it is here.
    """
    if not isinstance(target, Parts):
        return None
    replicas = [part for part in await target.parts() if part.role == "replica"]
    if not replicas and state.workers and not isinstance(target, Embedded):
        return None
    return sum(part.model == state.name for part in replicas)
