"""Defects that programs find: for each the smallest program, which fails on a platform with it, and passes without.

Those that are a race by nature are tried a few times; how often they fail is said beside them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chaos.embedded.defects import Defect
from chaos.history import Event
from chaos.operations.checks.judging import CHECKS, judge
from chaos.operations.lanes import as_text
from chaos.operations.program import Program
from chaos.operations.running import Bounds, Running
from chaos.targets.base import Parts, Target, need
from chaos.targets.registry import open_by_url

pytestmark = pytest.mark.anyio

EACH = 1 if os.environ.get("CHAOS_DEFECTS") == "all" else 3
"""Every third of them, and all every night: each takes a platform of its own."""
TRIES = 5
BROKEN = Bounds(answer=5.0, rest=0.2)
"""What is wrong stays so: it need not be waited for as long as what comes right."""

CORRECT = Bounds(answer=8.0, rest=5.0)

Step = dict[str, Any]

REGISTER: Step = {"do": "register", "model": "a"}
SCARCE: Step = {**REGISTER, "package": "scarce"}
UNREGISTER: Step = {"do": "unregister", "model": "a"}
DESCRIBE: Step = {"do": "describe", "model": "a"}
LIST: Step = {"do": "list"}
INFER: Step = {"do": "infer", "model": "a", "milliseconds": 5.0}
LONG: Step = {"do": "infer", "model": "a", "milliseconds": 400.0}
PAUSE: Step = {"do": "pause", "milliseconds": 60.0}
KILL: Step = {"inject": "process", "id": "f1", "arguments": {"action": "kill", "model": "a"}}
REVERT: Step = {"revert": "f1"}


def lost(step: Step, when: str = "early") -> Step:
    """Its answer is lost, and it is asked again."""
    return {**step, "lose": when}


def scale(workers: int) -> Step:
    return {"do": "scale", "model": "a", "workers": workers}


def at_once(*lanes: Step | list[Step]) -> Step:
    return {"concurrent": [lane if isinstance(lane, list) else [lane] for lane in lanes]}


PROGRAMS: dict[Defect, list[Step]] = {
    # of what runs, and what is described
    Defect.KILLED_NEVER_REPLACED: [REGISTER, KILL],
    Defect.RETIRED_REPLICA_LIVES: [REGISTER],
    Defect.SCALE_DESCRIBES_ONLY: [REGISTER, scale(2)],
    Defect.SCALE_TO_ZERO_REMEMBERS: [REGISTER, scale(0), scale(1)],
    Defect.UNREGISTER_THEN_REGISTER_STALE: [REGISTER, UNREGISTER, {**REGISTER, "workers": 2}],
    # of operations that fail
    Defect.FAILED_REGISTRATION_KEEPS_NAME: [{**REGISTER, "package": "broken"}],
    Defect.FAILED_REGISTRATION_KEEPS_WORKERS: [{**SCARCE, "workers": 3}],
    Defect.FAILED_SCALE_DESIRES: [SCARCE, scale(3)],
    Defect.FAILED_SCALE_ENDS_OLD: [SCARCE, at_once([PAUSE, scale(3)], LONG)],
    Defect.FAILED_SCALE_KEEPS: [SCARCE, scale(3)],
    Defect.REFUSAL_REMEMBERED: [{**REGISTER, "workers": 1000}],
    # of requests
    Defect.BATCH_MIXES_ANSWERS: [{**REGISTER, "batch": 4}, at_once(INFER, INFER)],
    Defect.DRAIN_SKIPPED_IN_FAULT: [REGISTER, KILL, REVERT, at_once([PAUSE, scale(0)], LONG)],
    Defect.INFERENCE_AFTER_SCALE_STALE: [{**REGISTER, "workers": 2}, scale(1), INFER],
    Defect.QUEUE_DROPPED: [REGISTER, at_once([PAUSE, scale(0)], LONG, LONG)],
    Defect.SCALE_DOWN_KILLS: [REGISTER, at_once([PAUSE, scale(0)], LONG)],
    # of answers that are lost
    Defect.DUPLICATE_REGISTER_WINS: [lost(REGISTER)],
    Defect.LOST_ANSWER_DOUBLES: [REGISTER, lost(scale(2))],
    Defect.LOST_REGISTRATION_FORGOTTEN: [lost(REGISTER)],
    Defect.REGISTER_REPLACES: [lost(REGISTER, "answered")],
    Defect.REGISTER_UNSERIALISED: [lost(REGISTER)],
    Defect.RETRY_REGISTERS_TWICE: [lost(REGISTER)],
    Defect.ROLLBACK_FORGETS: [SCARCE, lost(scale(3))],
    Defect.SCALE_ADDS: [REGISTER, lost(scale(2))],
    Defect.SCALE_LOST: [SCARCE, lost(scale(3))],
    Defect.SCALE_UNSERIALISED: [REGISTER, lost(scale(2))],
    Defect.UNREGISTER_STOPS_HALFWAY: [REGISTER, lost(UNREGISTER)],
    Defect.UNREGISTER_TWICE_FAILS: [REGISTER, lost(UNREGISTER)],
    # of operations that overlap
    Defect.DESCRIBE_BETWEEN: [REGISTER, at_once(scale(3), DESCRIBE)],
    Defect.LIST_OMITS_SCALING: [REGISTER, at_once(scale(3), LIST)],
    Defect.UNREGISTER_DURING_LOAD_LEAKS: [at_once(REGISTER, UNREGISTER)],
    Defect.UNREGISTER_NOT_AWAITED: [REGISTER, at_once([UNREGISTER, LIST])],
    Defect.UNREGISTER_TWICE_REVIVES: [REGISTER, at_once(UNREGISTER, UNREGISTER)],
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Killer:
    """Kills the replicas of a model: the fault ``process``, as far as these programs go."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def inject(self, _name: str, arguments: Mapping[str, Any]) -> Callable[[], Awaitable[None]]:
        for part in await need(self._target, Parts).parts():
            if part.role == "replica" and part.model == arguments["model"]:
                os.kill(part.pid, signal.SIGKILL)
        return _nothing


async def _nothing() -> None:
    """They are started anew without our doing."""


@asynccontextmanager
async def running(bounds: Bounds, *defects: str) -> AsyncIterator[Running]:
    target = open_by_url("embedded", defects)
    await target.open()

    def emit(kind: str, at: float | None = None, **values: Any) -> Event:
        return {"kind": kind, "at": time.monotonic() if at is None else at, **values}

    try:
        yield Running(target, "vabcdef", emit, Killer(target), bounds)
    finally:
        await target.close()


def program(defect: Defect) -> Program:
    return Program.model_validate({"steps": PROGRAMS[defect]})


def test_what_is_said_of_a_defect() -> None:
    cells_and_programs = Defect.SCALE_DOWN_KILLS
    assert cells_and_programs.cells == ("scale:H",)
    assert (cells_and_programs.programs, cells_and_programs.smallest) == (("drain",), 4)
    assert Defect.DRAIN_SKIPPED_IN_FAULT.cells == ()
    assert (Defect.OOM_UNNAMED.cells, Defect.OOM_UNNAMED.programs, Defect.OOM_UNNAMED.smallest) == ((), (), 0)
    assert Defect("scale_down_kills") is Defect.SCALE_DOWN_KILLS


def test_each_has_a_program_of_the_size_that_is_said() -> None:
    found = {defect for defect in Defect if defect.smallest}

    assert set(PROGRAMS) == found
    assert {defect: program(defect).size for defect in found} == {each: each.smallest for each in found}
    assert {check for defect in Defect for check in defect.programs} <= {check.name for check in CHECKS}


@pytest.mark.parametrize("defect", sorted(PROGRAMS)[::EACH])
async def test_a_program_fails_with_the_defect(defect: Defect) -> None:
    said = []
    async with running(BROKEN, defect) as made:
        for _ in range(TRIES):
            violations = judge(await made.run(program(defect)))
            if {each.check for each in violations} & set(defect.programs):
                return
            said.append([f"{each.check}: {each.words}" for each in violations])
    pytest.fail(f"in {TRIES} runs of {PROGRAMS[defect]} none of {defect.programs} found it, but {said}")


async def test_the_same_programs_pass_without() -> None:
    async with running(CORRECT) as made:
        for each in {as_text(steps): program(defect) for defect, steps in PROGRAMS.items()}.values():
            found = judge(await made.run(each))
            assert [f"{violation.check}: {violation.words}" for violation in found] == [], each.document()
