"""Watches what the target says it serves and what really runs, five times a second; reads what was executed.

Checks judge by it: what it saw is evidence, so a look that failed or took too long is recorded as such, and
never ends the run.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from chaos.targets.base import Describe, ErrorRecord, Links, ModelState, Part, Parts, Target

__all__ = ["EXECUTIONS", "error_entry", "read_executions", "watch_state"]

EXECUTIONS = "executions.log"
"""Name of the record of executions in a run directory."""

LOOK_SECONDS = 1.0
"""After so long a look is given up."""

SHOWN = 20
"""Repeated executions that are listed; all are counted."""

Emit = Callable[..., None]


async def watch_state(target: Target, models: Sequence[str], emit: Emit, seconds: float = 0.2) -> None:
    """Emit a ``state`` event every ``seconds``, for a target that describes its models. Runs until cancelled.

    Processes are counted where the target has the capability ``Parts``, links told where it has ``Links``. To read the
    processes of a platform takes some 15 ms of CPU: more looks would be felt by what is measured on a small machine.
    """
    if not isinstance(target, Describe):
        return
    due = time.monotonic()
    while True:
        look = _Look()
        async with anyio.create_task_group() as tasks:
            for model in models:
                tasks.start_soon(look.describe, target, model)
            if isinstance(target, Parts):
                tasks.start_soon(look.count, target)
            if isinstance(target, Links):
                tasks.start_soon(look.follow, target)
        emit(
            "state",
            models=look.models(),
            strays=look.strays(),
            links=look.links,
            error="; ".join(look.errors),
        )
        # A slow look is not made up for by a burst of quick ones.
        due = max(due + seconds, time.monotonic())
        await anyio.sleep(max(due - time.monotonic(), 0.0))


class _Look:
    """One look at the target, put together from what several calls say at about the same time."""

    def __init__(self) -> None:
        self._described: dict[str, ModelState] = {}
        self._parts: list[Part] | None = None
        self.links: list[dict[str, Any]] | None = None
        self.errors: list[str] = []

    async def describe(self, target: Describe, model: str) -> None:
        """What the target says of a model."""

        async def call() -> None:
            self._described[model] = await target.describe(model)

        await self._guarded(f"describing '{model}'", call)

    async def count(self, target: Parts) -> None:
        """Which processes live."""

        async def call() -> None:
            self._parts = await target.parts()

        await self._guarded("reading the processes", call)

    async def follow(self, target: Links) -> None:
        """Which links stand."""

        async def call() -> None:
            self.links = [
                {"name": link.name, "model": link.model, "up": link.up, "since": link.since}
                for link in await target.links()
            ]

        await self._guarded("reading the links", call)

    def models(self) -> dict[str, dict[str, Any]]:
        """The models that were described; their pids are those of living processes where these were read."""
        found = {}
        for name, state in sorted(self._described.items()):
            alive = None
            pids = sorted(state.pids)
            if self._parts is not None:
                pids = sorted(
                    part.pid for part in self._parts if part.role == "replica" and part.model == name
                )
                alive = len(pids)
            seen = {"desired": state.desired, "workers": state.workers, "pids": pids, "alive": alive}
            found[name] = seen
        return found

    def strays(self) -> int | None:
        """Living replica processes of no model that the target tells; None where nobody counted."""
        if self._parts is None:
            return None
        return sum(part.role == "replica" and not part.model for part in self._parts)

    async def _guarded(self, what: str, call: Callable[[], Any]) -> None:
        try:
            with anyio.fail_after(LOOK_SECONDS):
                await call()
        except TimeoutError:
            self.errors.append(f"{what} took more than {LOOK_SECONDS:g} s")
        except Exception as error:
            # Whatever an adapter raises: watching must not end the run.
            self.errors.append(f"{what}: {str(error) or repr(error)}")


def read_executions(path: Path) -> dict[str, Any]:
    """What the record of executions says, as the values of an ``executions`` event.

    A line is ``monotonic model pid nonce``. ``counted`` is false if a line is none. Memory is 8 bytes an execution
    plus what was repeated: the first reading finds hashes that occur twice, the second counts those exactly.

    :raises OSError: if it cannot be read
    """
    hashes, models = array("q"), Counter[str]()
    broken = 0
    for entry in _executions(path):
        if entry is None:
            broken += 1
        else:
            models[entry[0]] += 1
            hashes.append(hash(entry))
    values, counts = np.unique(np.frombuffer(hashes, dtype=np.int64), return_counts=True)
    twice = set(values[counts > 1].tolist())
    times = Counter(
        entry for entry in _executions(path) if twice and entry is not None and hash(entry) in twice
    )
    repeated = [(model, nonce, count) for (model, nonce), count in times.items() if count > 1]
    return {
        "counted": broken == 0,
        "total": len(hashes),
        "models": dict(models),
        "repeated": [list(entry) for entry in repeated[:SHOWN]],
        "repeats": sum(count - 1 for _model, _nonce, count in repeated),
    }


def _executions(path: Path) -> Iterator[tuple[str, str] | None]:
    """``(model, nonce)`` of each line; None for one that is broken."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            parts = line.rstrip("\n").split(" ", 3)
            yield (parts[1], parts[3]) if len(parts) == 4 and line.endswith("\n") else None


def error_entry(record: ErrorRecord) -> dict[str, Any]:
    """One entry of an ``errors`` event: ``at`` is the instant on the monotonic clock."""
    return {
        "model": record.model,
        "type": record.type,
        "by": record.by,
        "pid": record.pid,
        "at": record.monotonic,
        "detail": record.detail,
    }
