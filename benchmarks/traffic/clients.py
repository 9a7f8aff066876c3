"""The clients that are compared: each is run once for some seconds, on one core, and says what it reached."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
from anyio.abc import TaskStatus

from benchmarks.traffic.nginx import NONCE_HEADER, find_tool
from chaos.traffic.histogram import BUCKETS, quantile_of
from chaos.traffic.process import TrafficWorker
from chaos.traffic.spec import NONCE, Arrivals, HttpRequest, Outcome, Stream, WorkerSpec

__all__ = ["WorkerRun", "hey_rate", "run_worker", "wrk_rate"]

_GRACE = 10.0
_NONCE = f"{NONCE_HEADER}: 0123456789abcdef"


@dataclass(slots=True)
class WorkerRun:
    """What one run of our worker came to; ``late`` is a histogram of actual minus intended starts."""

    planned: int = 0
    sent: int = 0
    done: int = 0
    rate: float = 0.0
    """Answers a second between the first and the last frame of the run."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    late: np.ndarray[Any, np.dtype[np.int64]] = field(
        default_factory=lambda: np.zeros(BUCKETS, dtype=np.int64)
    )

    def late_quantile(self, quantile: float) -> float:
        """A quantile of the lateness, in seconds."""
        return quantile_of(self.late, quantile)


Watch = Callable[[int], Coroutine[Any, Any, None]]


async def run_worker(
    port: int, arrivals: Arrivals, seconds: float, core: int, watch: Watch | None = None
) -> WorkerRun:
    """Run a worker with recording and nonce check on, pinned to this core.

    :param watch: run beside it, given its pid
    """
    request = HttpRequest(f"http://127.0.0.1:{port}/", method="GET", headers=((NONCE_HEADER, NONCE),))
    stream = Stream("load", request, arrivals, timeout=5.0, seed=1, max_connections=512, paused=True)
    run = WorkerRun()
    async with (
        TrafficWorker(WorkerSpec("benchmark", (stream,))) as worker,
        anyio.create_task_group() as tasks,
    ):
        os.sched_setaffinity(worker.pid, {core})
        await tasks.start(_read, worker, run)
        await worker.command({"command": "start", "stream": "load"})
        if watch is not None:
            tasks.start_soon(watch, worker.pid)
        await anyio.sleep(seconds)
        await worker.stop(_GRACE)
        tasks.cancel_scope.deadline = anyio.current_time() + _GRACE
    return run


async def _read(worker: TrafficWorker, run: WorkerRun, *, task_status: TaskStatus[None]) -> None:
    first: tuple[float, int] | None = None
    async for frame in worker.frames():
        if frame["kind"] == "hello":
            task_status.started()
        if frame["kind"] != "frame" or not frame["streams"]["load"]["planned"]:
            continue
        entry = frame["streams"]["load"]
        run.planned, run.sent, run.done = entry["planned"], entry["sent"], entry["done"]
        if first is None:
            first = frame["at"], run.done
        elif entry["in_flight"]:
            run.rate = (run.done - first[1]) / (frame["at"] - first[0])
        for _slot, outcome, _bucket, count in entry["cells"]:
            run.outcomes[Outcome(outcome)] += count
        for bucket, count in entry["late"]:
            run.late[bucket] += count


def wrk_rate(port: int, connections: int, seconds: float, core: int) -> float:
    """Requests a second of ``wrk`` with one thread."""
    options = ["-t1", f"-c{connections}", f"-d{seconds:.0f}s", "-H", _NONCE]
    printed = _run([find_tool("wrk"), *options, f"http://127.0.0.1:{port}/"], seconds, core)
    match = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert match is not None, printed
    return float(match[1])


def hey_rate(port: int, connections: int, seconds: float, core: int) -> float:
    """Requests a second of ``hey`` on one processor."""
    options = ["-cpus", "1", "-c", str(connections), "-z", f"{seconds:.0f}s", "-H", _NONCE]
    printed = _run([find_tool("hey"), *options, f"http://127.0.0.1:{port}/"], seconds, core)
    match = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert match is not None, printed
    return float(match[1])


def _run(command: list[str], seconds: float, core: int) -> str:
    pinned = [find_tool("taskset"), "-c", str(core), *command]
    done = subprocess.run(pinned, capture_output=True, text=True, timeout=seconds + 30.0, check=True)
    return done.stdout
