"""How F is measured: more workers are asked for than there may be, again and again, beside a bystander under load.

What there may be, the target says (capability ``Limits``). If it does not, a number is asked for that no machine is
harmed by, and whatever is granted is taken back at once. The first requests that change anything are the last.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import anyio

from chaos.cells.bench import Bench
from chaos.cells.excess import PACKAGE, Excess, living
from chaos.cells.load import Plan
from chaos.properties.preservation import BYSTANDER
from chaos.targets.base import ControlRequests, Describe, Infer, Register, Scale, need
from chaos.traffic.spec import Arrivals

__all__ = ["PreservationProcedure"]

WARM_SECONDS = 0.4
LOOK_SECONDS = 0.25


class PreservationProcedure:
    """Requests for too much, beside a bystander. Settings: ``rounds``, each of ``at_once`` requests but the first, of
    one, with a ``pause`` between them; ``ask_workers`` of a target that tells no limits (0: four for each core, at
    least eight), which then have ``hold`` seconds to do harm if they are granted; ``answer_seconds`` for each request;
    the bystander's ``workers``, ``sleep_ms``, ``rate`` and ``timeout``; seconds of ``baseline``, ``during`` (at least)
    and ``after``.

    Notes ``plan`` (``told``: whether the target tells its limits; ``bearable``, ``taken``), ``window`` (``phase, start,
    end``), ``asked`` for each request (``operation, workers, batch, status, words, detail, start, end``), ``living``
    (``count`` of worker processes, where they can be seen) and ``round`` (``before`` and ``after``: the ``models`` as
    they are described, and those ``listed``; the ``least`` and ``most`` processes that lived, or None).
    """

    code = "F"
    together = False
    defaults: Mapping[str, float] = {
        "rounds": 5,
        "at_once": 3,
        "pause": 0.4,
        "ask_workers": 0,
        "hold": 1.0,
        "answer_seconds": 20.0,
        "workers": 2,
        "sleep_ms": 20.0,
        "rate": 40.0,
        "timeout": 5.0,
        "baseline": 3.0,
        "during": 3.0,
        "after": 3.0,
    }

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """Baseline, rounds of requests, and a time after them."""
        (api,) = apis
        settings, target = bench.settings, bench.target
        infer, describe = need(target, Infer), need(target, Describe)
        need(target, Register), need(target, Scale), need(target, ControlRequests)
        async with AsyncExitStack() as stack:
            bystander = await stack.enter_async_context(
                bench.serving(PACKAGE, int(settings["workers"]), BYSTANDER)
            )
            grower = ""
            if api == "scale":
                grower = await stack.enter_async_context(bench.serving(PACKAGE, 1, "grower"))
            excess = await Excess.of(bench, grower, describe)
            payload = {"sleep_ms": settings["sleep_ms"], "nonce": "{nonce}"}
            arrivals = Arrivals("constant", rate=settings["rate"])
            plan = Plan(infer.infer_request(bystander, payload), arrivals, settings["timeout"])
            async with bench.loading({BYSTANDER: plan}), _watching(bench):
                await anyio.sleep(WARM_SECONDS)
                async with _window(bench, "baseline", settings["baseline"]):
                    pass
                async with excess.taken_back(), _window(bench, "fault", settings["during"]):
                    await excess.ask([bystander, grower] if grower else [bystander])
                async with _window(bench, "recovery", settings["after"]):
                    pass


@asynccontextmanager
async def _window(bench: Bench, phase: str, seconds: float) -> AsyncIterator[None]:
    """A phase of the bystander's load, of at least so many seconds."""
    start = time.monotonic()
    yield
    await anyio.sleep(max(0.0, start + seconds - time.monotonic()))
    bench.note("window", phase=phase, start=start, end=time.monotonic())


@asynccontextmanager
async def _watching(bench: Bench) -> AsyncIterator[None]:
    """Note how many worker processes live while the block runs: also in the baseline, so that looking weighs on all
    phases alike."""
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            while True:
                count = await living(bench)
                if count is not None:
                    bench.note("living", count=count)
                await anyio.sleep(LOOK_SECONDS)

        tasks.start_soon(watch)
        yield
        tasks.cancel_scope.cancel()
