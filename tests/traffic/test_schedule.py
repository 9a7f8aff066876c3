"""Schedules on a real worker: everything planned is sent, and a stalled server cannot hide a request's wait."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from chaos.traffic.arrivals import ArrivalPlan
from chaos.traffic.histogram import SLOT_SECONDS, seconds_of
from chaos.traffic.pool import Pool
from chaos.traffic.recorder import Recorder
from chaos.traffic.schedule import ClosedSchedule, OpenSchedule, Schedule
from chaos.traffic.spec import NONCE, Arrivals, HttpRequest, Outcome
from chaos.traffic.template import RequestTemplate

pytestmark = pytest.mark.anyio


@dataclass
class Gate:
    """An echo server that answers nothing while it is shut."""

    kit: Any
    requests: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = await self.kit.read_request(reader)
            self.requests += 1
            await self.open.wait()
            writer.write(self.kit.plain_answer(body))


class Bench:
    """A schedule with all that it needs."""

    def __init__(
        self,
        port: int,
        tasks: asyncio.TaskGroup,
        arrivals: Arrivals,
        *,
        limit: int = 64,
        timeout: float = 10.0,
    ) -> None:
        template = RequestTemplate(HttpRequest(f"http://127.0.0.1:{port}/", body=NONCE.encode()))
        self.done = asyncio.Event()
        self.recorder = Recorder()
        closed = arrivals.kind == "users"
        limit = arrivals.users if closed else limit
        self.pool = Pool(template, self.recorder, tasks, timeout=timeout, limit=limit, label="bench")
        self.schedule: Schedule
        if closed:
            self.schedule = ClosedSchedule(self.pool, arrivals.users, self.done.set)
        else:
            plan = ArrivalPlan(arrivals, 1)
            self.schedule = OpenSchedule(
                self.pool, plan, self.recorder, patience=timeout, on_done=self.done.set
            )

    async def stop(self) -> int:
        """Stop, wait for the end, and return how many were planned."""
        self.schedule.stop(time.monotonic())
        async with asyncio.timeout(30.0):
            await self.done.wait()
        self.close()
        return self.schedule.planned(time.monotonic())

    def close(self) -> None:
        """Leave nothing open."""
        self.schedule.close()
        self.pool.close()

    def outcomes(self) -> tuple[Counter[Outcome], list[list[int]]]:
        """Counts by outcome, and the cells."""
        cells, _ = self.recorder.flush()
        counts: Counter[Outcome] = Counter()
        for _slot, outcome, _bucket, count in cells:
            counts[Outcome(outcome)] += count
        return counts, cells


@pytest.mark.parametrize("limit", [4, 256], ids=["four connections", "a connection each"])
async def test_a_stall_shows_in_every_request_planned_during_it(kit: Any, limit: int) -> None:
    gate, stall, rate = Gate(kit), 1.0, 100.0
    gate.open.set()
    async with kit.serving(gate.handle) as port, asyncio.TaskGroup() as tasks:
        bench = Bench(port, tasks, Arrivals("constant", rate=rate), limit=limit)
        bench.schedule.start(time.monotonic())
        await asyncio.sleep(0.3)
        gate.open.clear()
        shut = time.monotonic()
        await asyncio.sleep(stall)
        opened = time.monotonic()
        gate.open.set()
        await asyncio.sleep(0.3)
        planned = await bench.stop()
    counts, cells = bench.outcomes()
    assert counts == {Outcome.OK: planned}
    assert bench.pool.sent == bench.recorder.total == gate.requests == planned
    inside = 0
    for slot, _outcome, bucket, count in cells:
        earliest, latest = slot * SLOT_SECONDS, (slot + 1) * SLOT_SECONDS
        if shut <= earliest and latest <= opened:
            inside += count
            # It was due within the slot and could not be answered before the gate was opened.
            assert float(seconds_of(bucket)) * 1.005 >= opened - latest
    slots = int(opened / SLOT_SECONDS) - int(np.ceil(shut / SLOT_SECONDS))
    assert abs(inside - slots * SLOT_SECONDS * rate) <= 1


async def test_what_a_dead_server_never_took_is_counted_in_the_end(kit: Any) -> None:
    gate = Gate(kit)
    async with kit.serving(gate.handle) as port, asyncio.TaskGroup() as tasks:
        bench = Bench(port, tasks, Arrivals("constant", rate=500.0), limit=2, timeout=0.4)
        bench.schedule.start(time.monotonic())
        await asyncio.sleep(0.3)
        assert bench.pool.in_flight == 2
        planned = await bench.stop()
    counts, _ = bench.outcomes()
    assert planned > 100
    assert counts == {Outcome.TIMEOUT: planned}
    assert bench.pool.sent < planned


async def test_a_refused_stream_is_sent_in_full(kit: Any) -> None:
    async with kit.serving(kit.echo) as port:
        pass
    async with asyncio.TaskGroup() as tasks:
        bench = Bench(port, tasks, Arrivals("poisson", rate=400.0), limit=3)
        bench.schedule.start(time.monotonic())
        await asyncio.sleep(0.5)
        planned = await bench.stop()
    counts, _ = bench.outcomes()
    assert planned > 50
    assert counts == {Outcome.REFUSED: planned}


async def test_a_plan_longer_than_its_chunks(kit: Any) -> None:
    async with kit.serving(kit.echo) as port, asyncio.TaskGroup() as tasks:
        bench = Bench(port, tasks, Arrivals("constant", rate=50_000.0), limit=32)
        bench.schedule.start(time.monotonic())
        await asyncio.sleep(0.25)
        planned = bench.schedule.planned(time.monotonic())
        assert bench.pool.sent < planned
        planned = await bench.stop()
    counts, _ = bench.outcomes()
    assert planned > 2 * 4096
    assert counts == {Outcome.OK: planned}
    assert bench.pool.sent == planned


async def test_a_ramp_to_nothing_comes_to_rest(kit: Any) -> None:
    async with kit.serving(kit.echo) as port, asyncio.TaskGroup() as tasks:
        bench = Bench(port, tasks, Arrivals("ramp", rate=200.0, to_rate=0.0, seconds=0.4))
        bench.schedule.start(time.monotonic())
        await asyncio.sleep(0.6)
        assert await bench.stop() == 40
    assert bench.outcomes()[0] == {Outcome.OK: 40}


@pytest.mark.parametrize("arrivals", [Arrivals("constant", rate=10.0), Arrivals("users", users=3)])
async def test_stopped_before_it_started(kit: Any, arrivals: Arrivals) -> None:
    async with kit.serving(kit.echo) as port, asyncio.TaskGroup() as tasks:
        bench = Bench(port, tasks, arrivals)
        assert await bench.stop() == 0


async def test_users_wait_for_their_answers(kit: Any) -> None:
    gate = Gate(kit)
    async with kit.serving(gate.handle) as port, asyncio.TaskGroup() as tasks:
        bench = Bench(port, tasks, Arrivals("users", users=5))
        bench.schedule.start(time.monotonic())
        await asyncio.sleep(0.2)
        assert (bench.pool.sent, bench.pool.in_flight, gate.requests) == (5, 5, 5)
        gate.open.set()
        await asyncio.sleep(0.2)
        assert bench.pool.in_flight == 5
        planned = await bench.stop()
    counts, _ = bench.outcomes()
    assert planned > 10
    assert counts == {Outcome.OK: planned}
