"""How G is measured: a model comes, serves and goes again and again; what the target holds is read before and after.

In a cycle of ``unregister`` a model of some workers is registered, sent a few inferences, and unregistered; in one of
``scale`` a model of one worker is scaled up, sent inferences, and scaled down again. After each the footprint
(:mod:`chaos.targets.footprint`) is read until what is counted is back to where the cycle began, or the time is over.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict

import anyio
import anyio.to_thread

from chaos.cells.bench import Bench, Called
from chaos.cells.exchanges import ask
from chaos.errors import ChaosError, TargetError
from chaos.targets.base import ControlRequests, Infer, Processes, Register, Scale, need
from chaos.targets.footprint import COUNTS, Footprint, FootprintReader
from chaos.traffic.spec import Arrivals, HttpRequest

__all__ = ["RELEASE"]

PACKAGE = "sleep"
LOAD = "inferences"
POLL_SECONDS = 0.03
CALL_SECONDS = 60.0
CLEAN_SECONDS = 90.0


class ReleaseProcedure:
    """Cycles of coming and going.

    Emits ``footprint`` events: a reading with its ``cycle`` (from 0) and ``moment``: ``before`` the first cycle,
    ``serving``, ``after``. Notes ``release`` (``cycle``; ``seconds`` from the answer until what is counted was back,
    null if it was not; ``waited``, the seconds that it was given).
    """

    code = "G"
    together = False
    defaults: Mapping[str, float] = {
        "cycles": 10,
        "warmup": 2,
        "workers": 2,
        "rate": 60.0,
        "seconds": 0.1,
        "release_seconds": 4.0,
        "leak_counted": 0.25,
        "leak_bytes": 192 * 1024,
    }

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """All cycles; see the class."""
        (api,) = apis
        cycles, model = _Cycles(bench, api), bench.model()
        try:
            await cycles.run(model)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLEAN_SECONDS):
                await _gone(bench, model)


class _Cycles:
    """The cycles of one cell."""

    def __init__(self, bench: Bench, api: str) -> None:
        self._bench, self._scales = bench, api == "scale"
        target = bench.target
        self._processes = need(target, Processes)
        self._control = need(target, ControlRequests)
        self._infer = need(target, Infer)
        self._register = need(target, Register)
        self._scale = need(target, Scale) if self._scales else None
        self._reader = FootprintReader()
        self._patience = bench.settings["release_seconds"]

    async def run(self, model: str) -> None:
        """Run them."""
        cycles = int(self._bench.settings["cycles"])
        if self._scales:
            await self._register.register(model, PACKAGE, 1)
        before = await self._read("before", 0)
        for cycle in range(cycles):
            await self._come(model)
            request = self._infer.infer_request(model, {"sleep_ms": 2, "nonce": "{nonce}"})
            arrivals = Arrivals("constant", rate=self._bench.settings["rate"])
            await self._bench.load(LOAD, request, arrivals, self._bench.settings["seconds"])
            await self._read("serving", cycle)
            left = await self._go(model)
            before = await self._released(cycle, left.end, before, last=cycle == cycles - 1)

    async def _come(self, model: str) -> None:
        workers = int(self._bench.settings["workers"])
        if self._scale is not None:
            call = self._bench.call("scale", model, self._scale.scale(model, 1 + workers))
        else:
            call = self._bench.call("register", model, self._register.register(model, PACKAGE, workers))
        _done(await call, model)

    async def _go(self, model: str) -> Called:
        """On the wire: an adapter would itself wait for processes that are left, and give up."""
        operation = "scale" if self._scales else "unregister"
        request = self._control.control_request(operation, model, workers=1)
        return _done(await self._bench.call(operation, model, _asked(request)), model)

    async def _released(self, cycle: int, since: float, before: Footprint, last: bool) -> Footprint:
        """Read until what is counted is back, or the time is over.

        What did not go in the whole time once is given less in the cycles after it, and all of it again in the last.
        """
        whole = self._bench.settings["release_seconds"]
        waited = whole if last else self._patience
        while True:
            found = await self._reading()
            seconds = time.monotonic() - since
            back = _back(found, before)
            if back or seconds > waited:
                break
            await anyio.sleep(POLL_SECONDS)
        if not back:
            self._patience = min(self._patience, whole / 20)
        self._emit(found, "after", cycle)
        self._bench.note("release", cycle=cycle, seconds=seconds if back else None, waited=waited)
        return found

    async def _read(self, moment: str, cycle: int) -> Footprint:
        found = await self._reading()
        self._emit(found, moment, cycle)
        return found

    async def _reading(self) -> Footprint:
        return await anyio.to_thread.run_sync(lambda: self._reader.read(self._processes.pids()))

    def _emit(self, found: Footprint, moment: str, cycle: int) -> None:
        self._bench.emit("footprint", None, cycle=cycle, moment=moment, **asdict(found))


def _back(found: Footprint, before: Footprint) -> bool:
    """Whether nothing that is counted is more than it was."""
    return all((getattr(found, name) or 0) <= (getattr(before, name) or 0) for name in COUNTS)


def _done(called: Called, model: str) -> Called:
    if called.outcome != "ok":
        raise ChaosError(f"model '{model}' could not be brought or taken away: {called.detail}")
    return called


async def _asked(request: HttpRequest) -> None:
    (await ask(request, CALL_SECONDS)).expect("to let it go")


async def _gone(bench: Bench, model: str) -> None:
    """Clean up. A target that keeps processes may be found wanting by its adapter, too; that was measured already."""
    with suppress(TargetError):
        await _asked(need(bench.target, ControlRequests).control_request("unregister", model))
    with suppress(TargetError):
        await need(bench.target, Register).unregister(model)


RELEASE = ReleaseProcedure()
