"""Load for a cell: a traffic worker (D3) whose single requests are recorded while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio

from chaos.errors import ChaosError
from chaos.properties.record import Requests
from chaos.traffic.null import NULL
from chaos.traffic.process import TrafficWorker
from chaos.traffic.spec import Arrivals, HttpRequest, Stream, WorkerSpec

__all__ = ["Loading", "Plan", "loading"]

NULL_RATE = 50.0

Emit = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one load sends, and when. ``timeout`` is in seconds; a ``paused`` one begins when it is told."""

    request: HttpRequest
    arrivals: Arrivals
    timeout: float = 10.0
    paused: bool = False
    max_connections: int = 512


@dataclass(slots=True)
class Loading:
    """Loads at work. Rows ``[intended, started, ended, outcome]`` are there some 0.1 s after a request has ended."""

    worker: TrafficWorker
    rows: dict[str, list[list[float]]] = field(default_factory=dict)
    in_flight: dict[str, int] = field(default_factory=dict)

    def requests(self, load: str) -> Requests:
        """Those of a load that have ended so far."""
        return Requests.of(self.rows[load])

    async def start(self, load: str) -> None:
        """Begin one that was paused."""
        await self.worker.command({"command": "start", "stream": load})

    async def stop(self, load: str) -> None:
        """Plan no more of one; what is in flight ends by itself."""
        await self.worker.command({"command": "stop", "stream": load})


@asynccontextmanager
async def loading(plans: Mapping[str, Plan], emit: Emit, seed: int) -> AsyncIterator[Loading]:
    """Run these loads, by name, in one worker until the block ends; then every request has ended, and is recorded.

    Emits ``requests`` events (``load``, ``rows``) and ``noise`` events (``cells`` of the null probe).

    :raises ChaosError: if the worker dies
    """
    streams = tuple(
        Stream(
            name,
            plan.request,
            plan.arrivals,
            plan.timeout,
            seed + number,
            plan.max_connections,
            plan.paused,
            each=True,
        )
        for number, (name, plan) in enumerate(plans.items())
    )
    spec = WorkerSpec("cell", streams, frame_seconds=0.05, null_rate=NULL_RATE)
    grace = 2 * max(plan.timeout for plan in plans.values()) + 1.0
    async with TrafficWorker(spec) as worker:
        running = Loading(worker, {name: [] for name in plans}, dict.fromkeys(plans, 0))
        async with anyio.create_task_group() as tasks:
            ready = anyio.Event()
            tasks.start_soon(_pump, running, emit, ready)
            with anyio.fail_after(10.0):
                await ready.wait()
            yield running
            await worker.stop(grace)


async def _pump(running: Loading, emit: Emit, ready: anyio.Event) -> None:
    lost = ""
    async for frame in running.worker.frames():
        ready.set()
        for name, entry in frame.get("streams", {}).items():
            if name == NULL:
                if entry["cells"]:
                    emit("noise", at=frame["at"], cells=entry["cells"])
                continue
            running.in_flight[name] = entry["planned"] - entry["done"]
            if entry["each"]:
                running.rows[name] += entry["each"]
                emit("requests", at=frame["at"], load=name, rows=entry["each"])
            lost = name if running.in_flight[name] else lost
    if any(running.in_flight.values()):
        raise ChaosError(f"load '{lost}': requests were still in flight when its worker was ended")
