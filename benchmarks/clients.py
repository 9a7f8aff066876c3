"""Clients that put load on nginx: each is run once for some seconds, on one core, and says what it reached."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
from anyio.abc import TaskStatus
from numpy.typing import NDArray

from benchmarks.nginx import NONCE_HEADER
from benchmarks.tools import find_tool, run_pinned
from chaos.traffic.histogram import BUCKETS, quantile_of
from chaos.traffic.process import TrafficWorker
from chaos.traffic.spec import NONCE, Arrivals, HttpRequest, Outcome, Stream, WorkerSpec

__all__ = ["WorkerRun", "WrkRun", "hey_rate", "run_worker", "run_wrk"]

_GRACE = 10.0
_NONCE = f"{NONCE_HEADER}: 0123456789abcdef"


@dataclass(slots=True)
class WorkerRun:
    """What one run of our worker came to.

    ``latency`` is a histogram of the answers' times from their intended start, ``late`` one of actual minus
    intended starts.
    """

    planned: int = 0
    sent: int = 0
    done: int = 0
    rate: float = 0.0
    """Answers a second between the first and the last frame of the run."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    latency: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BUCKETS, dtype=np.int64))
    late: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BUCKETS, dtype=np.int64))

    def latency_quantile(self, quantile: float) -> float:
        """A quantile of the latency, in seconds."""
        return quantile_of(self.latency, quantile)

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
        for _slot, outcome, bucket, count in entry["cells"]:
            run.outcomes[Outcome(outcome)] += count
            run.latency[bucket] += count
        for bucket, count in entry["late"]:
            run.late[bucket] += count


@dataclass(frozen=True, slots=True)
class WrkRun:
    """What one run of ``wrk`` came to; latencies in seconds, as it counts them (closed model)."""

    requests: int
    rate: float
    p50: float
    p99: float
    failed: int
    """Connections that could not be made, answers other than 2xx and 3xx, errors and time-outs."""


def run_wrk(port: int, connections: int, seconds: float, core: int) -> WrkRun:
    """Run ``wrk`` with one thread."""
    options = ["-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "-H", _NONCE]
    printed = run_pinned([find_tool("wrk"), *options, f"http://127.0.0.1:{port}/"], seconds, core)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", printed)
    statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
    return WrkRun(
        requests=int(_found(r"(\d+) requests in", printed)),
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", printed)),
        p50=_seconds(_found(r"(?m)^\s+50%\s+(\S+)", printed)),
        p99=_seconds(_found(r"(?m)^\s+99%\s+(\S+)", printed)),
        failed=sum(map(int, errors.groups() if errors else ())) + (int(statuses[1]) if statuses else 0),
    )


def _seconds(printed: str) -> float:
    unit = printed.lstrip("0123456789.")
    return float(printed.removesuffix(unit)) * {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[unit]


def _found(pattern: str, printed: str) -> str:
    match = re.search(pattern, printed)
    assert match is not None, printed
    return match[1]


def hey_rate(port: int, connections: int, seconds: float, core: int) -> float:
    """Requests a second of ``hey`` on one processor."""
    options = ["-cpus", "1", "-c", str(connections), "-z", f"{seconds:.0f}s", "-H", _NONCE]
    printed = run_pinned([find_tool("hey"), *options, f"http://127.0.0.1:{port}/"], seconds, core)
    return float(_found(r"Requests/sec:\s+([\d.]+)", printed))
