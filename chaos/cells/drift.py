"""Property B, measured: a soak. All APIs asked for are sent a low, constant load at the same time, for as long as it
is set, while memory, descriptors, threads and processes of the target are read twice a second."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import anyio
import anyio.to_thread
import psutil

from chaos.cells.bench import Bench
from chaos.cells.determinism import MODELS, SLEEPER
from chaos.cells.load import Plan
from chaos.errors import CapabilityError
from chaos.targets.base import ControlRequests, Infer, Parts, Processes, Register, need
from chaos.targets.processes import tree
from chaos.traffic.spec import NONCE, Arrivals, HttpRequest

__all__ = ["DRIFT"]

PATIENCE = 10.0


class Drift:
    """The procedure. Settings: ``seconds`` of the soak, of which the ``warmup`` share is not judged; ``rate``, requests
    a second, which the APIs share evenly; seconds between two registrations (``register_every``) and two readings
    (``sample_every``); ``workers``, ``service_ms``, ``batch`` and ``batch_delay_ms`` of the models. The others are
    limits of :mod:`chaos.properties.drift`: what a day may add, and what is taken for noise within the soak; latencies
    in times of what they are at first, ``rss`` in MiB; noise too is the share ``rss_share`` of the memory there is."""

    code = "B"
    together = True
    defaults: Mapping[str, float] = {
        "seconds": 60,
        "warmup": 0.25,
        "rate": 120,
        "register_every": 0.5,
        "sample_every": 0.5,
        "workers": 4,
        "service_ms": 10,
        "batch": 4,
        "batch_delay_ms": 10,
        "p50_day": 0.5,
        "p50_noise": 0.5,
        "p95_day": 1.0,
        "p95_noise": 1.5,
        "rss_day": 256,
        "rss_noise": 2,
        "rss_share": 0.05,
        "fds_day": 100,
        "fds_noise": 12,
        "threads_day": 20,
        "threads_noise": 4,
        "processes_day": 5,
        "processes_noise": 2,
    }

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """All at once.

        :raises CapabilityError: if the target lacks what one of them needs
        """
        settings = bench.settings
        async with AsyncExitStack() as stack:
            requests, models = await _prepared(bench, apis, stack)
            rate = settings["rate"] / max(1, len(requests))
            arrivals = Arrivals("constant", rate=rate)
            plans = {api: Plan(request, arrivals, PATIENCE) for api, request in requests.items()}
            watched = await _watched(bench, models)
            begin = time.monotonic()
            end = begin + settings["seconds"]
            async with anyio.create_task_group() as tasks:
                if "register" in apis:
                    tasks.start_soon(_cycles, bench, end)
                async with _loading(bench, plans):
                    await _samples(bench, watched, end)
            bench.note("soak", begin=begin, end=end, apis=list(apis), rate=rate)


@asynccontextmanager
async def _loading(bench: Bench, plans: Mapping[str, Plan]) -> AsyncIterator[None]:
    if not plans:  # registrations only
        yield
        return
    async with bench.loading(plans):
        yield


async def _prepared(
    bench: Bench, apis: Sequence[str], stack: AsyncExitStack
) -> tuple[dict[str, HttpRequest], set[str]]:
    """The request of each API but registration, and the models that were made for them."""
    settings, requests, models = bench.settings, dict[str, HttpRequest](), set[str]()
    workers = int(settings["workers"])
    served = ""
    wanted = max((1 if api == "inference" else MODELS.get(api, 0) for api in apis), default=0)
    for number in range(wanted):
        model = await stack.enter_async_context(bench.serving(SLEEPER, 1 if number else workers))
        served = served or model
        models.add(model)
    payload = {"sleep_ms": settings["service_ms"], "nonce": NONCE}
    for api in apis:
        if api == "inference":
            requests[api] = need(bench.target, Infer).infer_request(served, payload)
        elif api == "batch_inference":
            batched = bench.batched(
                SLEEPER, workers, int(settings["batch"]), settings["batch_delay_ms"] / 1000
            )
            model = await stack.enter_async_context(batched)
            models.add(model)
            requests[api] = need(bench.target, Infer).infer_request(model, payload)
        elif api != "register":
            requests[api] = need(bench.target, ControlRequests).control_request(api, served)
    return requests, models


async def _cycles(bench: Bench, end: float) -> None:
    """Register and unregister the same model, until the end."""
    register = need(bench.target, Register)
    model = bench.model("again")
    try:
        while (start := time.monotonic()) < end:
            await bench.call("register", model, register.register(model, SLEEPER, 1))
            await bench.call("unregister", model, register.unregister(model))
            await anyio.sleep(max(0.0, start + bench.settings["register_every"] - time.monotonic()))
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(PATIENCE):
            await register.unregister(model)


async def _watched(bench: Bench, models: set[str]) -> dict[str, list[psutil.Process]]:
    """By role, the processes that last for the whole soak: those that a registration comes and goes with do not."""
    found: dict[str, list[psutil.Process]] = {}
    with suppress(CapabilityError):
        for part in await need(bench.target, Parts).parts():
            if part.role != "replica" or part.model in models:
                with suppress(psutil.NoSuchProcess):
                    found.setdefault(part.role, []).append(psutil.Process(part.pid))
    return found


async def _samples(bench: Bench, watched: dict[str, list[psutil.Process]], end: float) -> None:
    """Read and note what the processes take, until the end; only wait for it, if they are not here."""
    pids = bench.target.pids() if isinstance(bench.target, Processes) else []
    while (left := end - time.monotonic()) > 0:
        if watched:
            roles, processes = await anyio.to_thread.run_sync(_read, watched, pids)
            bench.note("sample", roles=roles, processes=processes)
        await anyio.sleep(min(left, bench.settings["sample_every"]))


def _read(
    watched: dict[str, list[psutil.Process]], roots: Sequence[int]
) -> tuple[dict[str, dict[str, int]], int]:
    """What the processes of each role take, and how many processes there are in all below these roots."""
    roles: dict[str, dict[str, int]] = {}
    for role, processes in watched.items():
        values = {"processes": 0, "rss": 0, "fds": 0, "threads": 0}
        for process in processes:
            with suppress(psutil.Error), process.oneshot():
                values["rss"] += process.memory_info().rss
                values["fds"] += process.num_fds()
                values["threads"] += process.num_threads()
                values["processes"] += 1
        roles[role] = values
    return roles, len({each.pid for root in roots for each in tree(root)})


DRIFT = Drift()
