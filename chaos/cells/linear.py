"""How D is measured: operations on 1 to N workers, in random order, again and again, timed as their client sees it.

``scale`` brings a model of one worker up by n workers and down again; ``unregister`` registers a model of n workers and
unregisters it. After each the processes are looked at until they show it (D12): a server may answer before, or say more
than it does. The time of one worker, by which all others are judged, is measured twice as often as each of them.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio

from chaos.cells.bench import Bench
from chaos.errors import ChaosError
from chaos.targets.base import Describe, Parts, Register, Scale, need

__all__ = ["LINEAR"]

PACKAGE = "sleep"
SHOWN_SECONDS = 5.0
"""How long the processes may take to show what was answered."""

POLL_SECONDS = 0.02
ENOUGH_HIDDEN = 2
LEAST_ROUNDS = 5
"""So many rounds are measured however long they take: fewer give no interval."""


class LinearProcedure:
    """Rounds of operations; each round has every number of workers once, and one worker twice.

    Notes ``operation`` (``round``, from 0; ``what``: ``up``, ``down``, ``unregister``; ``workers``, how many more or
    fewer; ``seconds`` from the call to the answer, or to when the processes showed it, if that is later; ``shown``:
    whether they did, null where processes are not told). What comes before the first round warms up and is not noted.
    After ``most_seconds`` no new round begins, if there are enough; nor is more measured of a target whose processes
    did not show two operations.
    """

    code = "D"
    together = False
    defaults: Mapping[str, float] = {
        "workers": 6,
        "rounds": 10,
        "most_seconds": 15.0,
        "tolerance": 0.25,
    }

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """All rounds; see the class."""
        (api,) = apis
        rounds = _Rounds(bench)
        if api == "scale":
            async with bench.serving(PACKAGE, 1) as model:
                await rounds.run(lambda number, workers: rounds.scale(model, number, workers))
        else:
            await rounds.run(rounds.unregister)


class _Rounds:
    """The rounds of one cell."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._register = need(bench.target, Register)
        self._scale = need(bench.target, Scale)
        self._describe = need(bench.target, Describe)
        self._pids: set[int] = set()
        self._hidden = 0

    async def run(self, operate: Callable[[int, int], Awaitable[None]]) -> None:
        """Operate with each number of workers, in another order each time; -1 is the number of the warm-up."""
        settings = self._bench.settings
        most, began = int(settings["workers"]), time.monotonic()
        await operate(-1, most)
        await operate(-1, 1)
        for number in range(int(settings["rounds"])):
            if number >= LEAST_ROUNDS and time.monotonic() - began > settings["most_seconds"]:
                return
            for workers in self._bench.random.sample([1, *range(1, most + 1)], most + 1):
                if self._hidden >= ENOUGH_HIDDEN:
                    return
                await operate(number, workers)

    async def scale(self, model: str, number: int, workers: int) -> None:
        """Up by so many workers, and down again."""
        for what, wanted in (("up", 1 + workers), ("down", 1)):
            call = self._scale.scale(model, wanted)
            await self._timed(what, number, workers, ("scale", model, wanted), call)

    async def unregister(self, number: int, workers: int) -> None:
        """A model of so many workers, and its end."""
        async with self._bench.serving(PACKAGE, workers) as model:
            there = (await self._describe.describe(model)).workers
            if there != workers:
                raise ChaosError(
                    f"a model registered with {workers} workers has {there}: nothing tells the time of more"
                )
            await self._shown(model, workers)
            call = self._register.unregister(model)
            await self._timed("unregister", number, workers, ("unregister", model, 0), call)

    async def _timed(
        self, what: str, number: int, workers: int, doing: tuple[str, str, int], call: Awaitable[None]
    ) -> None:
        operation, model, wanted = doing
        called = await self._bench.call(operation, model, call, workers=wanted)
        if called.outcome != "ok":
            raise ChaosError(
                f"'{operation}' of model '{model}' by {workers} workers was not done: {called.detail}"
            )
        shown, at = await self._shown(model, wanted)
        self._hidden += shown is False and number >= 0
        if number >= 0:
            seconds = called.seconds if at is None else at - called.start
            self._bench.note(
                "operation", what=what, round=number, workers=workers, seconds=seconds, shown=shown
            )

    async def _shown(self, model: str, wanted: int) -> tuple[bool | None, float | None]:
        """Whether so many processes run for the model, None where that is not told; and when they first did, None if
        that was at once."""
        target, at = self._bench.target, None
        if not isinstance(target, Parts):
            return None, None
        end = time.monotonic() + SHOWN_SECONDS
        while True:
            replicas = [part for part in await target.parts() if part.role == "replica"]
            # one that is described no more, but still runs, is known by its pid
            running = {part.pid for part in replicas if part.model == model or part.pid in self._pids}
            if len(running) == wanted:
                self._pids = running
                return True, at
            at = time.monotonic()
            if at > end:
                return False, at
            await anyio.sleep(POLL_SECONDS)


LINEAR = LinearProcedure()
