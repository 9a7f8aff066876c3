"""One look at a target: what it says it serves, and what really runs, told by several calls made at once (D12).

What it saw is evidence, so a look that failed or took too long is recorded as such, and never ends a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anyio

from chaos.targets.base import Describe, Links, Parts, Target
from chaos.targets.records import ModelState, Part

__all__ = ["Look", "look_at"]

LOOK_SECONDS = 1.0
"""After so long a look is given up."""


async def look_at(target: Target, models: Sequence[str]) -> Look:
    """Look at these models, and at the processes and links where the target tells them.

    Processes are counted where the target has the capability ``Parts``, links told where it has ``Links``.
    """
    look = Look()
    async with anyio.create_task_group() as tasks:
        if isinstance(target, Describe):
            for model in models:
                tasks.start_soon(look.describe, target, model)
        if isinstance(target, Parts):
            tasks.start_soon(look.count, target)
        if isinstance(target, Links):
            tasks.start_soon(look.follow, target)
    return look


class Look:
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

    def values(self) -> dict[str, Any]:
        """The values of a ``state`` event."""
        return {
            "models": self.models(),
            "strays": self.strays(),
            "links": self.links,
            "error": "; ".join(self.errors),
        }
