"""What is asked for that a node cannot bear, how it was answered, and what it changed; taken back if it was granted."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

from chaos.cells.bench import CLEAN_SECONDS, Bench
from chaos.faults.race import Attempt, Entry, race
from chaos.targets.base import (
    ControlRequests,
    Describe,
    Limits,
    Parts,
    Register,
    RegisterBatched,
    Scale,
    need,
)

__all__ = ["PACKAGE", "Excess", "living"]

PACKAGE = "sleep"
COUNT_SECONDS = 0.12
BATCH_SECONDS = 0.05
NO_REASON = "no reason given"
"""What an adapter says of an answer that says nothing."""

PER_CORE = 4
"""How many workers for each core are asked for of a target that does not say what it can bear: some Python processes
too many, which do not hurt the machine."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """So many workers; in batches of so many requests, or none if that is 0."""

    workers: int
    batch: int = 0


@dataclass(slots=True)
class Excess:
    """What is asked for, and the models that it was asked for; make it by :meth:`of`."""

    bench: Bench
    describe: Describe
    grower: str
    asks: tuple[_Ask, ...]
    asked_for: list[str]

    @classmethod
    async def of(cls, bench: Bench, grower: str, describe: Describe) -> Excess:
        """In turn just more workers than the node can bear, more than there may be whatever they take, and, where
        batches are made, one worker with too large ones."""
        target = bench.target
        others = 0
        for model in await describe.models():
            others += 0 if model == grower else (await describe.describe(model)).desired
        if isinstance(target, Limits):
            limits = await target.limits()
            asks = [_Ask(limits.bearable - others + 1), _Ask(limits.workers + 1)]
            if isinstance(target, RegisterBatched) and not grower:
                asks.append(_Ask(1, limits.batch + 1))
            bench.note("plan", told=True, bearable=limits.bearable, taken=others)
            return cls(bench, describe, grower, tuple(asks), [])
        number = int(bench.settings["ask_workers"]) or max(8, PER_CORE * (os.cpu_count() or 1))
        bench.note("plan", told=False, bearable=None, taken=others)
        return cls(bench, describe, grower, (_Ask(number),), [])

    async def ask(self, models: list[str]) -> None:
        """Round by round, until one has changed something."""
        settings = self.bench.settings
        for number in range(int(settings["rounds"])):
            before, least = await self._state(models), await living(self.bench)
            counts = [] if least is None else [least]
            async with _counting(self.bench, counts):
                refused = await self._round(
                    number, self.asks[number % len(self.asks)], int(settings["at_once"]) if number else 1
                )
            if not refused:
                await anyio.sleep(settings["hold"])
            after = await self._state(models)
            most = max(counts, default=None)
            self.bench.note("round", before=before, after=after, least=least, most=most)
            if not refused or before != after or most != least:
                return
            await anyio.sleep(settings["pause"])

    async def _round(self, number: int, ask: _Ask, at_once: int) -> bool:
        """Ask so many times at once; whether all were refused."""
        names = [self.grower or self.bench.model("candidate") for _ in range(at_once)]
        operation = "scale" if self.grower else "register"
        if not self.grower:
            self.asked_for += names
        about: dict[str, Any] = {
            "round": number,
            "operation": operation,
            "workers": ask.workers,
            "batch": ask.batch,
        }
        if ask.batch:
            return await self._batched(names, ask, about)
        control = need(self.bench.target, ControlRequests)
        package = "" if self.grower else PACKAGE
        entries = [Entry(control.control_request(operation, name, ask.workers, package)) for name in names]

        def ended(one: Attempt) -> None:
            told: dict[str, Any] = {"status": one.status, "words": _words(one.body), "detail": one.detail}
            self.bench.note("asked", **about, **told, start=one.start, end=one.end)

        attempts = await race(entries, self.bench.settings["answer_seconds"], ended)
        return all(attempt.outcome == "fail" for attempt in attempts)

    async def _batched(self, names: Sequence[str], ask: _Ask, about: Mapping[str, Any]) -> bool:
        """The same for batches, which no wire request is known for but the adapter's own."""
        batches = need(self.bench.target, RegisterBatched)
        refused: list[bool] = []

        async def register(name: str) -> None:
            call = batches.register_batched(name, PACKAGE, ask.workers, ask.batch, BATCH_SECONDS)
            called = await self.bench.call("register", name, call)
            _, answered, words = called.detail.partition(f"answered {called.status}: ")
            words = words if answered and words != NO_REASON else ""
            told: dict[str, Any] = {"status": called.status, "words": words, "detail": called.detail}
            self.bench.note("asked", **about, **told, start=called.start, end=called.end)
            refused.append(called.outcome == "fail")

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(register, name)
        return all(refused)

    async def _state(self, models: list[str]) -> dict[str, Any]:
        """These models as they are described, and which of ours are listed at all."""
        look = await self.bench.look(models)
        listed = sorted({*models, *self.asked_for} & set(await self.describe.models()))
        return {"models": look.models(), "listed": listed}

    @asynccontextmanager
    async def taken_back(self) -> AsyncIterator[None]:
        """Whatever was granted while the block ran is undone after it."""
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLEAN_SECONDS):
                target = self.bench.target
                if self.grower and (await self.describe.describe(self.grower)).desired != 1:
                    await need(target, Scale).scale(self.grower, 1)
                for model in set(self.asked_for) & set(await self.describe.models()):
                    await need(target, Register).unregister(model)


@asynccontextmanager
async def _counting(bench: Bench, counts: list[int]) -> AsyncIterator[None]:
    """The numbers of worker processes while the block runs, and at its end."""
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            while (count := await living(bench)) is not None:
                counts.append(count)
                await anyio.sleep(COUNT_SECONDS)

        tasks.start_soon(watch)
        yield
        tasks.cancel_scope.cancel()


async def living(bench: Bench) -> int | None:
    """How many worker processes live, of whatever model; None where they cannot be seen."""
    if not isinstance(bench.target, Parts):
        return None
    return sum(part.role == "replica" for part in await bench.target.parts())


def _words(body: bytes) -> str:
    """What an answer says in its own words: its message, or its text if it is no JSON object with one."""
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict):
        known = [str(document[key]) for key in ("message", "error", "detail") if key in document]
        text = known[0] if known else text
    return " ".join(text.split())[:300]
