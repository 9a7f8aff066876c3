"""A target that many things are done to, one after another: opened once, looked after between them, and opened again if
one of them has ended it.

What must be undone is in the run's ledger before it is done: the embedded platform, the models on somebody's server.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio

from chaos.errors import ChaosError, TargetError
from chaos.session.deadlines import Problem, deadline, shielded
from chaos.session.leftovers import owe_models
from chaos.targets.base import Describe, Processes, Target
from chaos.targets.context import Owe
from chaos.targets.options import redacted
from chaos.targets.registry import EMBEDDED, open_by_url, parse_url

__all__ = ["CALM_SECONDS", "House", "Place", "house", "is_ours"]

CALM_SECONDS = 15.0
"""How long a target may take after something was done to it until it is healthy again."""

POLL_SECONDS = 0.2
ASK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """A target by its URL, the defects to be seeded in it, the ``directory`` of the run, and hosts that are allowed.

    ``links`` are those of its own links that run through the fault proxy whose API is at ``link_api``."""

    url: str
    defects: tuple[str, ...]
    directory: Path
    allow: tuple[str, ...] = ()
    link_api: str = ""
    links: tuple[str, ...] = ()


def is_ours(place: Place) -> bool:
    """Whether the target is the embedded platform, which we start, and start again.

    :raises ChaosError: if the URL is none
    """
    return parse_url(place.url, place.defects, place.allow).adapter == EMBEDDED


class House:
    """The target as it stands. ``tag`` is in the names of all models that are registered there."""

    def __init__(self, place: Place, owe: Owe, problem: Problem) -> None:
        self.tag = f"m{secrets.token_hex(3)}"
        self._place = place
        self._owe = owe
        self._problem = problem
        self.ours = is_ours(place)
        self._before: set[str] = set()
        self.target: Target = self._make()

    async def open(self) -> None:
        """Open it, and remember what it serves.

        :raises TargetError: if it cannot be opened
        """
        with deadline(f"opening target {redacted(self._place.url)}"):
            await self.target.open()
        self._before = await self._models()

    def keeps(self, name: str) -> None:
        """A model of ours that is to stay, for as long as this target stands."""
        self._before.add(name)

    async def close(self) -> None:
        """Let go of it; what does not work then is told."""
        await shielded(self._problem, "closing the target", self.target.close)

    async def tidy(self, after: str, seconds: float = CALM_SECONDS) -> bool:
        """Whether it can go on: the target is well, and nothing of what was done before is on it.

        The embedded platform is started afresh if not, so that one thing cannot spoil another; and that is told.

        :param after: what was done last, in words
        :param seconds: how long models of ours may take to go
        :raises TargetError: if it was ours and cannot be started again
        """
        well = await self._well()
        left = await self._left(seconds) if well else []
        if well and not left:
            return True
        why = f"left {', '.join(sorted(left))} behind" if well else "left the target unable to serve"
        if self.ours:
            self._problem(f"{after} {why}; a fresh embedded platform was started")
            await self.close()
            self.target = self._make()
            await self.open()
            return True
        if well:
            self._problem(f"{after} {why}")
            self._before |= set(left)
            return True
        self._problem(f"{after} {why} (mend it, and run the same command again to go on)")
        return False

    def _make(self) -> Target:
        at = self._place
        return open_by_url(
            at.url,
            at.defects,
            directory=at.directory,
            allow=at.allow,
            owe=self._owe,
            link_api=at.link_api,
            links=at.links,
        )

    async def _well(self) -> bool:
        with anyio.move_on_after(CALM_SECONDS):
            while not (self.ours and isinstance(self.target, Processes) and not self.target.pids()):
                with suppress(TargetError):
                    if await self.target.healthy():
                        return True
                await anyio.sleep(POLL_SECONDS)
        return False

    async def _left(self, seconds: float) -> list[str]:
        """Models of ours that are there still; one that drains is given its time."""
        until = time.monotonic() + seconds
        while True:
            left = {name for name in await self._models() - self._before if self.tag in name}
            if not left or time.monotonic() >= until:
                return sorted(left)
            await anyio.sleep(POLL_SECONDS)

    async def _models(self) -> set[str]:
        if not isinstance(self.target, Describe):
            return set()
        try:
            with anyio.fail_after(ASK_SECONDS):
                return set(await self.target.models())
        except (ChaosError, TimeoutError):
            return set()


@asynccontextmanager
async def house(place: Place, owe: Owe, problem: Problem) -> AsyncIterator[House]:
    """The target, open for as long as the context lasts.

    :raises TargetError: if it cannot be opened
    """
    async with AsyncExitStack() as stack:
        made = House(place, owe, problem)
        stack.push_async_callback(made.close)
        await made.open()
        stack.callback(owe_models(owe, place.url, place.allow, made.tag))
        yield made
