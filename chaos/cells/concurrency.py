"""How E is measured: closed users, more and more of them, until throughput grows no more; and who waits for whom.

For inference the handler sleeps for as long as it is told, so that what a configuration can do is known: as many
requests at a time as there are workers, times the batch. The APIs that read the control plane have no such number; for
them load is also kept up while slow operations are at work, which must not be waited for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import anyio

from chaos.cells.bench import CLEAN_SECONDS, Bench
from chaos.cells.load import Loading, Plan
from chaos.errors import ChaosError
from chaos.properties.concurrency import ENOUGH, level_name, rate
from chaos.targets.base import ControlRequests, Infer, Register, need
from chaos.traffic.spec import Arrivals, HttpRequest

__all__ = ["ConcurrencyProcedure"]

BATCHED = "batch_inference"
INFERENCES = ("inference", BATCHED)
AGAIN = "most users again"
BISECTIONS = 2
SETTLE_SECONDS = 0.12
"""After so long, what is said of the load is newer than what it was told last."""

IN_FLIGHT_SECONDS = 0.15
"""How long a slow inference is given to reach its worker before the model is unregistered."""


class ConcurrencyProcedure:
    """Loads of 1, 2, 4, … users in turn, and between the last two that differ the point where throughput saturates.

    Notes ``places`` (how many requests the configuration lets be served at once; null where nothing says so, and
    ``service``, the seconds one takes), a ``level`` for each load (``load, users, start, end``: while all were at it).
    Beside the load ``readers`` there are slow operations: ``call`` events, and the loads ``slow 1``, ``slow 2``, … of
    one slow inference each.
    """

    code = "E"
    together = False
    defaults: Mapping[str, float] = {
        "workers": 2,
        "batch": 4,
        "delay": 0.02,
        "service_ms": 40.0,
        "beyond": 4,
        "seconds": 1.0,
        "readers": 16,
        "read_seconds": 0.4,
        "cycles": 6,
        "slow_ms": 600.0,
        "read_rate": 40.0,
        "timeout": 3.0,
    }

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """Search the saturation point; for an API that reads, keep reading while slow operations are at work."""
        (api,) = apis
        if api in INFERENCES:
            await self._inference(bench, api == BATCHED)
        elif api == "describe":
            async with bench.serving("sleep") as model:
                await self._reading(bench, api, model)
        else:
            await self._reading(bench, api, "")

    async def _inference(self, bench: Bench, batched: bool) -> None:
        settings = bench.settings
        infer = need(bench.target, Infer)
        service = settings["service_ms"]
        places = int(settings["workers"]) * (int(settings["batch"]) if batched else 1)
        async with _served(bench, batched) as model:
            request = infer.infer_request(model, {"sleep_ms": service, "nonce": "{nonce}"})
            bench.note("places", places=places, service=service / 1000)
            await self._search(bench, request, places, int(settings["beyond"]) * places, settings["seconds"])

    async def _reading(self, bench: Bench, api: str, model: str) -> None:
        request = need(bench.target, ControlRequests).control_request(api, model)
        bench.note("places", places=None, service=None)
        await self._search(bench, request, 0, int(bench.settings["readers"]), bench.settings["read_seconds"])
        if isinstance(bench.target, Register):
            await self._beside_slow(bench, request)

    async def _search(
        self, bench: Bench, request: HttpRequest, places: int, most: int, seconds: float
    ) -> None:
        """Double the users up to the most, then halve the gap below which throughput is not what it is beyond.

        The most come a second time at the end, so that what they reach does not depend on one moment.
        """
        loads = {level_name(users): users for users in range(1, most + 1)} | {AGAIN: most}
        timeout = bench.settings["timeout"]
        plans = {
            name: Plan(request, Arrivals("users", users=users), timeout, paused=True)
            for name, users in loads.items()
        }
        found: dict[int, float] = {}

        async def level(name: str, seconds: float) -> None:
            users = loads[name]
            reached = await _level(bench, running, name, users, places, seconds)
            found[users] = max(reached, found.get(users, 0.0))

        async with bench.loading(plans) as running:
            users = 1
            while users < most:
                await level(level_name(users), seconds)
                users *= 2
            await level(level_name(most), 1.5 * seconds)
            for _ in range(BISECTIONS):
                enough = ENOUGH * max(found.values())
                above = min(users for users, value in found.items() if value >= enough)
                below = max((users for users in found if users < above), default=above)
                if above - below < 2:
                    break
                await level(level_name((above + below) // 2), seconds)
            await level(AGAIN, 1.5 * seconds)

    async def _beside_slow(self, bench: Bench, request: HttpRequest) -> None:
        """Readers at a moderate rate, while a model is registered, has a slow inference, and leaves, over and over.

        Of a target that does not let the inference end first, no operation may be slow; there it is let end before the
        model leaves, and a cycle more makes up for the first.
        """
        settings = bench.settings
        register, model = need(bench.target, Register), bench.model("slow")
        arrivals = Arrivals("constant", rate=settings["read_rate"])
        plans = {"readers": Plan(request, arrivals, settings["timeout"])}
        cycles = range(1, int(settings["cycles"]) + 2)
        cut = False
        if isinstance(bench.target, Infer):
            slow = bench.target.infer_request(model, {"sleep_ms": settings["slow_ms"], "nonce": "{nonce}"})
            once = Arrivals("burst", users=1, seconds=3600.0)
            plans |= {f"slow {cycle}": Plan(slow, once, 10.0, paused=True) for cycle in cycles}
        try:
            async with bench.loading(plans) as running:
                await anyio.sleep(IN_FLIGHT_SECONDS)
                for cycle in cycles:
                    if cycle == cycles[-1] and not cut:
                        break
                    await bench.call("register", model, register.register(model, "sleep", 1))
                    if f"slow {cycle}" in plans:
                        await running.start(f"slow {cycle}")
                        await anyio.sleep(IN_FLIGHT_SECONDS)
                        await running.stop(f"slow {cycle}")
                        with anyio.move_on_after(settings["timeout"]):
                            while cut and running.in_flight[f"slow {cycle}"]:  # noqa: ASYNC110
                                await anyio.sleep(0.02)
                    left = await bench.call("unregister", model, register.unregister(model))
                    cut = cut or left.seconds < settings["slow_ms"] / 2000
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLEAN_SECONDS):
                await register.unregister(model)


def _served(bench: Bench, batched: bool) -> AbstractAsyncContextManager[str]:
    """The model that is loaded; by batches, if so."""
    settings = bench.settings
    workers = int(settings["workers"])
    if batched:
        return bench.batched("sleep", workers, int(settings["batch"]), settings["delay"])
    return bench.serving("sleep", workers)


async def _level(bench: Bench, running: Loading, name: str, users: int, places: int, seconds: float) -> float:
    """Have so many users at it for so long, until all have gone; the throughput they reached, in requests a second."""
    await running.start(name)
    await anyio.sleep(seconds / 4)  # until they no longer march in step
    start = time.monotonic()
    await anyio.sleep(0.75 * seconds)
    end = time.monotonic()
    await running.stop(name)
    bench.note("level", load=name, users=users, start=start, end=end)
    deadline = end + bench.settings["timeout"] + 2.0
    await anyio.sleep(SETTLE_SECONDS)
    while running.in_flight[name] and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells when
        await anyio.sleep(0.02)
    if running.in_flight[name]:
        raise ChaosError(f"requests of {users} users were neither answered nor timed out in time")
    reached = rate(running.requests(name), start, end, min(users, places))
    return 0.0 if reached is None else reached.value
