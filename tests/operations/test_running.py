"""A program with something of everything on the embedded platform: it passes, and nothing is left of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chaos.history import Event
from chaos.operations.checks.judging import judge
from chaos.operations.program import Concurrent, Operation, Program, Quiesce
from chaos.operations.record import ProgramRecord
from chaos.operations.running import Bounds, Running
from chaos.targets.base import Describe, need
from chaos.targets.registry import open_by_url

pytestmark = pytest.mark.anyio

REGISTER = Operation(do="register", model="a")
PAUSE = Operation(do="pause", milliseconds=60.0)
LONG = Operation(do="infer", model="a", milliseconds=400.0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def scale(workers: int, **more: Any) -> Operation:
    return Operation(do="scale", model="a", workers=workers, **more)


def at_once(*lanes: Operation | tuple[Operation, ...]) -> Concurrent:
    return Concurrent(concurrent=tuple(lane if isinstance(lane, tuple) else (lane,) for lane in lanes))


@asynccontextmanager
async def running(*defects: str) -> AsyncIterator[Running]:
    target = open_by_url("embedded", defects)
    await target.open()

    def emit(kind: str, at: float | None = None, **values: Any) -> Event:
        return {"kind": kind, "at": time.monotonic() if at is None else at, **values}

    try:
        yield Running(target, "vabcdef", emit, bounds=Bounds(answer=8.0, rest=3.0))
        assert await need(target, Describe).models() == [], "nothing is left"
    finally:
        await target.close()


async def ran(program: Program, *defects: str) -> ProgramRecord:
    async with running(*defects) as made:
        return await made.run(program)


EVERYTHING = Program(
    steps=(
        REGISTER,
        scale(3),
        Operation(do="list"),
        Operation(do="describe", model="a"),
        Operation(do="register", model="b", package="broken"),
        Operation(do="register", model="b", workers=2, lose="early"),
        Operation(do="register", model="b"),
        scale(1000),
        scale(-1),
        at_once(scale(1), scale(2), (Operation(do="list"), Operation(do="describe", model="a")), LONG),
        at_once(*[scale(3)] * 4),
        scale(0, lose="answered"),
        Operation(do="infer", model="a", milliseconds=5.0),
        scale(2),
        at_once((PAUSE, Operation(do="unregister", model="a")), LONG, LONG),
        Operation(do="infer", model="a", milliseconds=5.0),
        Quiesce(),
        Operation(do="register", model="c", package="scarce", workers=3),
        Operation(do="register", model="c", package="scarce", workers=2),
        Operation(do="scale", model="c", workers=3),
    )
)


async def test_the_correct_platform_passes() -> None:
    record = await ran(EVERYTHING)

    assert [f"{each.check}: {each.words}" for each in judge(record)] == []
    assert len(record.calls) == 30
    assert {done.outcome for done in record.calls} == {"ok", "fail", "info"}
    assert all(seen.rest is not None for seen in record.seen)


async def test_each_run_has_names_of_its_own() -> None:
    async with running() as made:
        first = await made.run(Program(steps=(REGISTER,)))
        second = await made.run(Program(steps=(REGISTER,)))

    assert set(first.names) == set(second.names) == {"a"}
    assert first.names["a"] != second.names["a"]
