"""How H is measured: workers are taken away while each of them has a request and others wait.

A round: a trickle of short requests, then a burst of long ones, more than there are workers; a moment later the model
is scaled down, scaled to zero, or unregistered. The trickle goes on until after that.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import psutil

from chaos.cells.bench import Bench
from chaos.cells.exchanges import Asked, Asker, asking
from chaos.errors import CapabilityError, ChaosError
from chaos.faults.race import Entry, race
from chaos.properties.grace import How, drain_bound
from chaos.targets.base import ControlRequests, Infer, Processes, Register, Scale, Target, need
from chaos.targets.context import UnansweredError
from chaos.targets.http import Answer
from chaos.targets.processes import alive
from chaos.traffic.spec import HttpRequest

__all__ = ["GraceProcedure"]

ROUNDS: Mapping[str, tuple[How, ...]] = {"scale": ("fewer", "zero"), "unregister": ("unregister",)}
BEFORE_SECONDS = 0.3
AFTER_SECONDS = 0.4
SENT_SECONDS = 5.0
GONE_SECONDS = 3.0
POLL_SECONDS = 0.05


class GraceProcedure:
    """Rounds of leaving. Settings: ``rounds`` of each kind; ``workers``; ``longs`` and ``long_ms`` of the burst;
    ``short_ms`` and ``rate`` (per second) of the trickle; ``lead``, seconds from burst to operation; ``gap``, the
    seconds before the operation in which a request may count as too late, and ``notice``, those after it in which the
    server may not yet act by it; ``slack`` of the drain, in seconds, and how long ``beyond`` it is waited for;
    ``timeout`` of a request.

    Notes ``asked`` for each request (``round, long``, and :meth:`chaos.cells.exchanges.Asked.values`) and ``round``
    (``round, how, bound``; ``before`` and ``after``: pids of the model's workers; ``gone``: when all that left had
    gone, or None; ``left``: pids that had not; None for both where processes cannot be seen). Notes ``skipped`` (``how,
    reason``) of a kind of round that the target has no operation for.
    """

    code = "H"
    together = False
    defaults: Mapping[str, float] = {
        "rounds": 2,
        "workers": 3,
        "longs": 8,
        "long_ms": 600.0,
        "short_ms": 20.0,
        "rate": 20.0,
        "lead": 0.4,
        "gap": 0.3,
        "notice": 0.5,
        "slack": 1.5,
        "beyond": 5.0,
        "timeout": 8.0,
    }

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """All rounds, in an order drawn from the seed; those after one that was not done would measure its remains."""
        (api,) = apis
        infer = need(bench.target, Infer)
        need(bench.target, Register), need(bench.target, ControlRequests)
        if api == "scale":
            need(bench.target, Scale)
        kinds = [how for how in ROUNDS[api] if _possible(bench, how)]
        rounds = [how for how in kinds for _ in range(int(bench.settings["rounds"]))]
        bench.random.shuffle(rounds)
        async with asking() as asker:
            if api == "unregister":
                for number, how in enumerate(rounds):
                    async with bench.serving("sleep", int(bench.settings["workers"])) as model:
                        if not await _Round(bench, asker, infer, model, number, how).run():
                            return
                return
            async with bench.serving("sleep", int(bench.settings["workers"])) as model:
                for number, how in enumerate(rounds):
                    if not await _Round(bench, asker, infer, model, number, how).run():
                        return
                    await need(bench.target, Scale).scale(model, int(bench.settings["workers"]))


def _possible(bench: Bench, how: How) -> bool:
    """Whether the target has such an operation: not every one can have a model of no workers."""
    try:
        if how == "zero":
            need(bench.target, ControlRequests).control_request("scale", "any", 0)
    except CapabilityError as error:
        bench.note("skipped", how=how, reason=str(error))
        return False
    return True


class _Round:
    def __init__(self, bench: Bench, asker: Asker, infer: Infer, model: str, number: int, how: How) -> None:
        self._bench, self._asker = bench, asker
        self._model, self._number, self._how = model, number, how
        settings = bench.settings
        self._short = self._request(infer, settings["short_ms"])
        self._long = self._request(infer, settings["long_ms"])

    def _request(self, infer: Infer, milliseconds: float) -> HttpRequest:
        payload = {"sleep_ms": milliseconds, "pid": True, "nonce": "{nonce}"}
        return infer.infer_request(self._model, payload)

    async def run(self) -> bool:
        """Whether the operation was done."""
        bench, settings = self._bench, self._bench.settings
        before = await self._pids()
        watched = _Watched(bench.target, before)
        async with anyio.create_task_group() as tasks, self._trickle():
            await anyio.sleep(BEFORE_SECONDS)
            burst = [Asked() for _ in range(int(settings["longs"]))]
            for asked in burst:
                tasks.start_soon(self._ask, self._long, asked, True)
            with anyio.move_on_after(SENT_SECONDS) as sending:
                for asked in burst:
                    await asked.sent.wait()
            if sending.cancelled_caught:
                raise ChaosError(
                    f"the requests were not sent within {SENT_SECONDS:g} s (is the server overloaded?)"
                )
            await anyio.sleep(settings["lead"])
            done, bound = await self._leave()
            after = await self._pids()
            gone, left = await watched.gone(set(before) - set(after))
            told: dict[str, Any] = {"before": before, "after": after, "gone": gone, "left": left}
            bench.note("round", round=self._number, how=self._how, bound=bound, **told)
            await anyio.sleep(AFTER_SECONDS)
        return done

    async def _leave(self) -> tuple[bool, float]:
        """Take workers away: whether it was done, and how long it might take."""
        bench = self._bench
        bound = drain_bound(self._how, bench.settings)
        seconds = bound + bench.settings["beyond"]
        name = "unregister" if self._how == "unregister" else "scale"
        workers = int(bench.settings["workers"]) - 1 if self._how == "fewer" else 0
        request = need(bench.target, ControlRequests).control_request(name, self._model, workers)
        called = await bench.call(name, self._model, _sent(request, seconds), round=self._number)
        return called.outcome == "ok", bound

    async def _pids(self) -> list[int]:
        seen = (await self._bench.look([self._model])).models()
        return list(seen.get(self._model, {}).get("pids", []))

    @asynccontextmanager
    async def _trickle(self) -> AsyncIterator[None]:
        """Short requests at a constant rate while the block runs; all have ended after it."""
        async with anyio.create_task_group() as tasks:
            ticking = anyio.CancelScope()

            async def tick() -> None:
                with ticking:
                    due = time.monotonic()
                    while True:
                        tasks.start_soon(self._ask, self._short, Asked(), False)
                        due += 1 / self._bench.settings["rate"]
                        await anyio.sleep(max(0.0, due - time.monotonic()))

            tasks.start_soon(tick)
            yield
            ticking.cancel()

    async def _ask(self, request: HttpRequest, asked: Asked, long: bool) -> None:
        try:
            await self._asker.ask(request, asked, self._bench.settings["timeout"])
        finally:
            self._bench.note("asked", round=self._number, long=long, **asked.values())


async def _sent(request: HttpRequest, seconds: float) -> None:
    """An operation on the wire, where it is known when the server has it: an adapter looks around before and after.

    :raises TargetError: if it was refused, or not answered in time
    """
    (attempt,) = await race([Entry(request)], seconds)
    if attempt.outcome == "info":
        raise UnansweredError(attempt.detail)
    Answer(request.method, request.url, attempt.status, attempt.body).expect("taking workers away")


class _Watched:
    """Worker processes that are here, by who they were: a pid may be used again."""

    def __init__(self, target: Target, pids: Sequence[int]) -> None:
        self._seen = isinstance(target, Processes)
        self._processes: list[psutil.Process] = []
        for pid in pids if self._seen else ():
            with suppress(psutil.NoSuchProcess):
                self._processes.append(psutil.Process(pid))

    async def gone(self, leaving: set[int]) -> tuple[float | None, list[int] | None]:
        """When none of these lived any more; those that still do in the end. Nothing of another machine's."""
        if not self._seen:
            return None, None
        end = time.monotonic() + GONE_SECONDS
        while True:
            left = [each.pid for each in self._processes if each.pid in leaving and alive(each)]
            now = time.monotonic()
            if not left or now > end:
                return (None if left else now), left
            await anyio.sleep(POLL_SECONDS)
