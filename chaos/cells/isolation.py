"""How C is measured: a victim under constant load while another model's handler misbehaves, in one way after another.

The victim's load runs without a pause: first alone (the baseline), then beside each hostile mode in turn, each with a
model of its own that is registered before and unregistered after, then alone again. A mode is that of the fault
:mod:`chaos.faults.handler_dos`, which also makes sure that it is in force.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

import anyio

from chaos.cells.bench import Bench
from chaos.cells.load import Plan
from chaos.errors import CapabilityError, TargetError
from chaos.faults.base import Blast, FaultContext, FaultError, Undo
from chaos.faults.handler_dos import MODES, HandlerDos, HandlerDosArguments, ModeName
from chaos.targets.base import Infer, need
from chaos.traffic.running import RunningTraffic, run_traffic
from chaos.traffic.spec import Arrivals, WorkerSpec

__all__ = ["MODES_OF", "IsolationProcedure"]

VICTIM = "victim"

MODES_OF: Mapping[str, tuple[ModeName, ...]] = {
    "inference": ("occupy", "crash", "slow"),
    "batch_inference": ("occupy", "crash", "allocate"),
    "handlers": ("occupy", "burn", "crash", "allocate", "leak", "huge", "slow", "cut"),
}
"""The hostile modes of each API. ``hang`` is none of them: while it lasts it is like ``occupy`` to others, and its
model takes as long to leave as the target waits for a handler."""

CYCLE = {"slow": 2.2}
"""Seconds that a mode is held at least: its answers are late for one, and dribble for another."""

BATCHED = "batch_inference"


class IsolationProcedure:
    """Victim and hostile handlers side by side. With ``batch_inference`` both models take batches.

    Notes ``window`` (``phase``: ``baseline``, ``fault``, ``recovery``; ``mode``; ``start``, ``end``), ``touches``,
    ``hostile`` (``mode``, ``outcomes``: what became of its requests by label, ``sent``), and ``skipped`` (``mode``,
    ``reason``, and whether the model was ``served``) for a mode that was not in force.
    """

    code = "C"
    together = False
    defaults: Mapping[str, float] = {
        "seconds": 1.2,
        "baseline": 2.0,
        "recovery": 1.5,
        "rate": 80.0,
        "workers": 3,
        "sleep_ms": 15.0,
        "intensity": 8,
        "batch": 4,
        "delay": 0.005,
        "timeout": 5.0,
    }

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """Baseline, each mode, recovery."""
        settings, (api,) = bench.settings, apis
        payload = {"sleep_ms": settings["sleep_ms"], "nonce": "{nonce}"}
        infer = need(bench.target, Infer)
        modes = list(MODES_OF[api])
        bench.random.shuffle(modes)
        async with _serving(bench, api, "sleep", int(settings["workers"]), VICTIM) as victim:
            arrivals = Arrivals("constant", rate=settings["rate"])
            plan = Plan(infer.infer_request(victim, payload), arrivals, settings["timeout"])
            async with bench.loading({VICTIM: plan}):
                await anyio.sleep(0.3)  # connections are made, and the first requests of a model take longer
                await _window(bench, "baseline", settings["baseline"])
                for mode in modes:
                    await self._hostile(bench, api, mode)
                await anyio.sleep(0.3)
                await _window(bench, "recovery", settings["recovery"])

    async def _hostile(self, bench: Bench, api: str, mode: ModeName) -> None:
        """One mode for as long as the settings say; one that cannot be tried is noted."""
        served = False
        try:
            async with _serving(bench, api, MODES[mode].package, 1, mode) as model:
                served = True
                await _misbehave(bench, model, mode)
        except CapabilityError:
            raise
        except FaultError as error:
            bench.note("skipped", mode=mode, served=served, reason=str(error))
        except TargetError as error:
            if served:
                raise
            bench.note("skipped", mode=mode, served=served, reason=str(error))


def _serving(
    bench: Bench, api: str, package: str, workers: int, label: str
) -> AbstractAsyncContextManager[str]:
    if api == BATCHED:
        return bench.batched(package, workers, int(bench.settings["batch"]), bench.settings["delay"])
    return bench.serving(package, workers, label)


async def _window(bench: Bench, phase: str, seconds: float, mode: str = "") -> None:
    start = time.monotonic()
    await anyio.sleep(seconds)
    bench.note("window", phase=phase, mode=mode, start=start, end=time.monotonic())


async def _misbehave(bench: Bench, model: str, mode: ModeName) -> None:
    """Inject the fault, hold it while the window lasts, and end its requests."""
    intensity = int(bench.settings["intensity"])
    if bench.apis == (BATCHED,):
        intensity *= int(bench.settings["batch"])  # as many batches as there would be requests
    fault = HandlerDos(HandlerDosArguments(model=model, mode=mode, intensity=intensity))
    seconds = max(bench.settings["seconds"], CYCLE.get(mode, 0.0))
    async with anyio.create_task_group() as tasks:
        running: list[RunningTraffic] = []

        async def traffic(spec: WorkerSpec) -> RunningTraffic:
            running.append(await tasks.start(run_traffic, spec, _unread, _unread, 0.0))
            return running[-1]

        async def intend(blast: Blast, _undo: Undo) -> None:
            bench.note("touches", mode=mode, touches=list(blast.touches))

        async def helper(_command: Sequence[str]) -> NoReturn:
            raise FaultError("no helper process is at hand here")

        context = FaultContext(
            lease=model,
            target=bench.target,
            seed=bench.random.randrange(2**31),
            seconds=seconds,
            intend=intend,
            traffic=traffic,
            helper=helper,
        )
        error: FaultError | None = None
        try:
            await fault.inject(context)
            start = time.monotonic()
            await fault.hold(seconds)
            bench.note("window", phase="fault", mode=mode, start=start, end=time.monotonic())
        except FaultError as failed:
            error = failed  # raised below, where no task group wraps it
        finally:
            for each in running:
                with anyio.CancelScope(shield=True):
                    await each.stop()
    for each in running:
        for totals in each.meter.streams.values():
            told = {outcome.label: count for outcome, count in sorted(totals.outcomes.items())}
            bench.note("hostile", mode=mode, sent=totals.sent, outcomes=told)
    if error is not None:
        raise error


def _unread(*_arguments: Any) -> None:
    """What its single frames say is no evidence."""
