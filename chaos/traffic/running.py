"""A traffic worker as a task of the session: its frames are handed on, added up, and its end is awaited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import TaskStatus

from chaos.errors import ChaosError
from chaos.traffic.meter import Meter
from chaos.traffic.process import TrafficWorker
from chaos.traffic.spec import WorkerSpec

__all__ = ["RunningTraffic", "WorkerReport", "run_traffic"]

WorkerReport = Callable[[str, int, str], None]
"""Told of a worker's life: ``started``, ``stopped`` or ``died``; its pid; and why."""


class RunningTraffic:
    """The handle of a worker: what it has done so far, and how to end it."""

    def __init__(self, spec: WorkerSpec) -> None:
        self.spec = spec
        self.meter = Meter()
        self._stopping = anyio.Event()
        self._stopped = anyio.Event()

    async def stop(self) -> None:
        """End the worker and return when it is gone. Idempotent."""
        self._stopping.set()
        await self._stopped.wait()


async def run_traffic(
    spec: WorkerSpec,
    on_frame: Callable[[dict[str, Any]], None],
    report: WorkerReport,
    grace: float,
    *,
    task_status: TaskStatus[RunningTraffic],
) -> None:
    """Run a worker until its handle is stopped or the task is cancelled.

    :param on_frame: called with every frame of kind ``frame``, in order
    :param grace: seconds that requests in flight may still take at the end
    """
    running = RunningTraffic(spec)
    try:
        async with TrafficWorker(spec) as worker, anyio.create_task_group() as tasks:
            report("started", worker.pid, "")
            tasks.start_soon(_pump, worker, running.meter, on_frame, report)
            task_status.started(running)
            try:
                await running._stopping.wait()
            finally:
                with anyio.CancelScope(shield=True):
                    await worker.stop(grace)
                    report("stopped", worker.pid, "")
    finally:
        running._stopped.set()


async def _pump(
    worker: TrafficWorker, meter: Meter, on_frame: Callable[[dict[str, Any]], None], report: WorkerReport
) -> None:
    try:
        async for frame in worker.frames():
            if frame["kind"] == "frame":
                on_frame(frame)
                meter.feed(frame)
    except ChaosError as error:
        report("died", worker.pid, str(error))
        meter.died(str(error))
