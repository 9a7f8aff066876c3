"""The session's handle of a worker: frames come, commands go, and the process is gone whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from typing import Any

import anyio
import psutil
import pytest
from anyio.abc import TaskStatus

from chaos.errors import ChaosError
from chaos.traffic.process import TrafficWorker
from chaos.traffic.spec import NONCE, Arrivals, HttpRequest, Outcome, Stream, WorkerSpec

pytestmark = pytest.mark.anyio


def _spec(port: int, arrivals: Arrivals, **options: Any) -> WorkerSpec:
    request = HttpRequest(f"http://127.0.0.1:{port}/", body=NONCE.encode())
    return WorkerSpec("w", (Stream("s", request, arrivals, **options),))


async def _collect(worker: TrafficWorker, frames: list[dict[str, Any]]) -> None:
    async for frame in worker.frames():
        frames.append(frame)  # noqa: PERF401  a reader that is cancelled keeps what it has


async def _collect_from_first(
    worker: TrafficWorker, frames: list[dict[str, Any]], *, task_status: TaskStatus[None]
) -> None:
    waiting = True
    async for frame in worker.frames():
        frames.append(frame)
        if waiting and frame["kind"] == "frame" and frame["streams"]["s"]["sent"]:
            waiting = False
            task_status.started()


def _outcomes(frames: list[dict[str, Any]]) -> Counter[Outcome]:
    counts: Counter[Outcome] = Counter()
    for frame in frames:
        if frame["kind"] == "frame":
            for _slot, outcome, _bucket, count in frame["streams"]["s"]["cells"]:
                counts[Outcome(outcome)] += count
    return counts


async def test_a_run(kit: Any) -> None:
    frames: list[dict[str, Any]] = []
    async with kit.serving(kit.echo) as port:
        async with (
            TrafficWorker(_spec(port, Arrivals("poisson", rate=300.0), paused=True)) as worker,
            anyio.create_task_group() as tasks,
        ):
            await worker.command({"command": "start", "stream": "s"})
            await tasks.start(_collect_from_first, worker, frames)
            await anyio.sleep(1.0)
            await worker.stop(10.0)
        pid = worker.pid
    assert frames[0]["pid"] == pid
    assert [frame["kind"] for frame in frames].count("stopped") == 1
    entry = [frame for frame in frames if frame["kind"] == "frame"][-1]["streams"]["s"]
    assert entry["planned"] == entry["sent"] == entry["done"] > 100
    assert _outcomes(frames) == {Outcome.OK: entry["planned"]}
    assert not psutil.pid_exists(pid)


async def test_crossed_answers_reach_the_session_as_wrong(kit: Any) -> None:
    previous = [b"0" * 16]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = await kit.read_request(reader)
            writer.write(kit.plain_answer(previous[0]))
            previous[0] = body

    frames: list[dict[str, Any]] = []
    async with (
        kit.serving(handle) as port,
        TrafficWorker(_spec(port, Arrivals("constant", rate=100.0))) as worker,
        anyio.create_task_group() as tasks,
    ):
        await tasks.start(_collect_from_first, worker, frames)
        await anyio.sleep(0.5)
        await worker.stop(10.0)
    counts = _outcomes(frames)
    assert set(counts) == {Outcome.WRONG}
    assert counts[Outcome.WRONG] > 10


async def test_requests_in_flight_are_waited_for_and_counted(kit: Any) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await kit.read_request(reader)
        await asyncio.sleep(60)

    frames: list[dict[str, Any]] = []
    async with (
        kit.serving(handle) as port,
        TrafficWorker(_spec(port, Arrivals("users", users=4), timeout=0.5)) as worker,
        anyio.create_task_group() as tasks,
    ):
        await tasks.start(_collect_from_first, worker, frames)
        await worker.stop(10.0)
    entry = [frame for frame in frames if frame["kind"] == "frame"][-1]["streams"]["s"]
    assert entry["planned"] == entry["done"] >= 4
    assert _outcomes(frames) == {Outcome.TIMEOUT: entry["done"]}


async def test_a_stop_has_its_deadline_and_shows_what_was_in_flight(kit: Any) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await kit.read_request(reader)
        await asyncio.sleep(60)

    frames: list[dict[str, Any]] = []
    async with (
        kit.serving(handle) as port,
        TrafficWorker(_spec(port, Arrivals("users", users=4), timeout=60.0)) as worker,
        anyio.create_task_group() as tasks,
    ):
        await tasks.start(_collect_from_first, worker, frames)
        await worker.stop(0.3)
        await worker.stop(0.3)
        assert not psutil.pid_exists(worker.pid)
    entry = [frame for frame in frames if frame["kind"] == "frame"][-1]["streams"]["s"]
    assert (entry["planned"], entry["sent"], entry["done"], entry["in_flight"]) == (4, 4, 0, 4)


async def test_it_can_be_stopped_with_nobody_reading(kit: Any) -> None:
    async with (
        kit.serving(kit.echo) as port,
        TrafficWorker(_spec(port, Arrivals("constant", rate=2000.0))) as worker,
    ):
        await anyio.sleep(1.0)
        with anyio.fail_after(20.0):
            await worker.stop(60.0)
        process = worker._process
        assert process is not None
        assert process.returncode == 0


async def test_a_worker_that_was_killed_is_an_error() -> None:
    async with TrafficWorker(_spec(9, Arrivals("constant", rate=10.0))) as worker:
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(ChaosError, match="traffic worker 'w' ended with code -9"):
            await _collect(worker, [])
        with pytest.raises(ChaosError, match="traffic worker 'w'"):
            await worker.command({"command": "start", "stream": "s"})
        await worker.stop(1.0)


async def test_a_worker_that_gives_up_is_quoted() -> None:
    spec = _spec(9, Arrivals("constant", rate=-1.0))
    async with TrafficWorker(spec) as worker:
        with pytest.raises(ChaosError, match=r"stream 's': rate is -1\.0"):
            await _collect(worker, [])


async def test_cancelled_it_leaves_no_process(kit: Any) -> None:
    pids: list[int] = []

    async def work(port: int) -> None:
        async with TrafficWorker(_spec(port, Arrivals("users", users=2))) as worker:
            pids.append(worker.pid)
            await _collect(worker, [])

    async def fail(port: int) -> None:
        async with TrafficWorker(_spec(port, Arrivals("users", users=2))) as worker:
            pids.append(worker.pid)
            raise ZeroDivisionError

    async with kit.serving(kit.echo) as port:
        with anyio.move_on_after(1.0):
            await work(port)
        with pytest.raises(ZeroDivisionError):
            await fail(port)
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_frames_are_for_one_reader() -> None:
    async with TrafficWorker(_spec(9, Arrivals("users", users=1), paused=True)) as worker:
        async for _ in worker.frames():
            with pytest.raises(RuntimeError, match="one reader"):
                await _collect(worker, [])
            break
    assert not psutil.pid_exists(worker.pid)


async def test_outside_its_context_there_is_no_worker() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await TrafficWorker(WorkerSpec("w", ())).stop(1.0)
