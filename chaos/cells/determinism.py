"""Property A, measured: bursts that queue for a model's workers, and operations repeated on a target left alone.

Inference: a handler that sleeps, so that its service time costs no processor, is sent one worker's load at a time
(``single``), the same after idle moments (``idle``), bursts of several rounds (``bursts``) and, for a while, more than
the workers can serve (``queue``). Reads of the control plane are sent at a low, constant rate (``steady``), and asked
some times for what they say. A registration is repeated with its unregistration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress

import anyio

from chaos.cells.bench import Bench
from chaos.cells.exchanges import ask
from chaos.cells.load import Loading, Plan
from chaos.cells.shapes import shape
from chaos.errors import CapabilityError, ChaosError
from chaos.targets.base import ControlRequests, Infer, Register, Timings, need
from chaos.traffic.spec import NONCE, Arrivals

__all__ = ["DETERMINISM"]

SLEEPER = "sleep"
MODELS = {"describe": 1, "list": 3}
"""How many models there are to be described or listed."""
GAP_SECONDS = 0.02
"""Between two single loads: long enough for the one before to have been answered."""
WARM_UP = 3
PATIENCE = 10.0


class Determinism:
    """The procedure. Settings: ``workers``, ``service_ms``, ``batch`` and ``batch_delay_ms`` of the model; ``rounds``
    of service that a burst takes; numbers of ``bursts``, ``singles`` and ``idles``; ``idle_seconds`` before each of
    the latter; requests in the ``queue``, fewer than servers let wait, at ``overload`` times the capacity; ``rate`` (a
    second), ``read_seconds`` and ``asks`` of a read; ``cycles`` of registration."""

    code = "A"
    together = False
    defaults: Mapping[str, float] = {
        "workers": 2,
        "service_ms": 40,
        "batch": 4,
        "batch_delay_ms": 30,
        "rounds": 3,
        "bursts": 20,
        "singles": 20,
        "idles": 7,
        "idle_seconds": 0.6,
        "overload": 1.5,
        "queue": 90,
        "rate": 60,
        "read_seconds": 5,
        "asks": 8,
        "cycles": 30,
    }

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """One API at a time.

        :raises CapabilityError: if the target cannot infer, register, batch, or has no such read
        """
        for api in apis:
            if api == "register":
                await _registrations(bench)
            elif api in ("inference", "batch_inference"):
                await _inferences(bench, batched=api == "batch_inference")
            else:
                await _reads(bench, api)


async def _inferences(bench: Bench, batched: bool) -> None:
    settings = bench.settings
    workers, rounds, service = (
        int(settings["workers"]),
        int(settings["rounds"]),
        settings["service_ms"] / 1000,
    )
    batch, delay = (int(settings["batch"]), settings["batch_delay_ms"] / 1000) if batched else (1, 0.0)
    # a batch that is not full waits for more: one request beyond full ones shows for how long
    burst = workers * batch * (rounds - 1) + 1 if batched else workers * rounds
    loads = {  # how many bursts, of how many requests, how far apart
        "warm up": (WARM_UP, burst, rounds * service + delay + GAP_SECONDS),
        "single": (settings["singles"], batch, service + GAP_SECONDS),
        "idle": (settings["idles"], batch, service + settings["idle_seconds"]),
        "bursts": (settings["bursts"], burst, rounds * service + delay + 2 * GAP_SECONDS),
    }
    overload = settings["overload"] * workers * batch / service
    serving = bench.batched(SLEEPER, workers, batch, delay) if batched else bench.serving(SLEEPER, workers)
    async with serving as model:
        payload = {"sleep_ms": settings["service_ms"], "nonce": NONCE}
        request = need(bench.target, Infer).infer_request(model, payload)
        plans = {
            name: Plan(request, Arrivals("burst", users=users, seconds=gap), PATIENCE, paused=True)
            for name, (_, users, gap) in loads.items()
        }
        plans["queue"] = Plan(request, Arrivals("constant", rate=overload), PATIENCE, paused=True)
        bench.note("plan", workers=workers, batch=batch, service=service, delay=delay, burst=burst)
        async with bench.loading(plans) as running:
            for name, (times, _, gap) in loads.items():
                await _timings(bench, model, f"before {name}")
                await _run(running, name, times * gap - GAP_SECONDS)
                await _timings(bench, model, f"after {name}")
            await _run(running, "queue", settings["queue"] / overload)


async def _timings(bench: Bench, model: str, when: str) -> None:
    """Note what the target itself says of waiting and serving, if it does."""
    with suppress(CapabilityError):
        told = await need(bench.target, Timings).timings(model)
        bench.note("timings", when=when, served=told.served, waiting=told.waiting, service=told.service)


async def _run(running: Loading, name: str, seconds: float) -> None:
    """Run a load for so long, and wait until all of it has been answered.

    :raises ChaosError: if that takes longer than its requests may
    """
    await running.start(name)
    await anyio.sleep(seconds)
    await running.stop(name)
    with anyio.move_on_after(PATIENCE + 1.0) as waited:
        await anyio.sleep(0.15)  # a frame that was under way knows nothing of the last requests
        while running.in_flight[name]:  # noqa: ASYNC110 - frames come by themselves
            await anyio.sleep(0.02)
    if waited.cancelled_caught:
        raise ChaosError(f"load '{name}': {running.in_flight[name]} requests did not end")


async def _reads(bench: Bench, api: str) -> None:
    control = need(bench.target, ControlRequests)
    async with AsyncExitStack() as stack:
        model = ""
        for _ in range(MODELS.get(api, 0)):
            model = await stack.enter_async_context(bench.serving(SLEEPER))
        request = control.control_request(api, model)
        steady = Plan(request, Arrivals("constant", rate=bench.settings["rate"]), PATIENCE)
        warm = Plan(request, Arrivals("burst", users=1, seconds=GAP_SECONDS), PATIENCE)
        async with bench.loading({"warm up": warm}):
            await anyio.sleep(0.3)
        seconds, asks = bench.settings["read_seconds"], int(bench.settings["asks"])
        async with bench.loading({"steady": steady}):
            for _ in range(asks):
                await anyio.sleep(seconds / asks)
                answer = await ask(request, PATIENCE)
                bench.note("shape", shape=shape(answer), status=answer.status)


async def _registrations(bench: Bench) -> None:
    """The same registration again and again, each undone before the next."""
    register = need(bench.target, Register)
    model = bench.model("again")
    try:
        for cycle in range(int(bench.settings["cycles"])):
            done = await bench.call("register", model, register.register(model, SLEEPER, 1), cycle=cycle)
            undone = await bench.call("unregister", model, register.unregister(model), cycle=cycle)
            if (done.outcome, undone.outcome) != ("ok", "ok"):
                return
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(PATIENCE):
            await register.unregister(model)


DETERMINISM = Determinism()
