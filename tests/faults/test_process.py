"""Processes are really killed, frozen, let go on and replaced; those that the seed chose, and no others."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any

import anyio
import psutil
import pytest

from chaos.errors import DocumentError, TargetError
from chaos.faults.base import FaultError
from chaos.faults.process import Process, ProcessArguments
from chaos.faults.processes import Known
from chaos.faults.registry import create_fault
from chaos.faults.testing import check_fault, fake_context
from chaos.targets.context import TargetContext
from chaos.targets.embedded import Embedded
from chaos.targets.records import Part
from chaos.targets.url import TargetURL
from tests.faults.sleepers import DEAF, Platform

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not hasattr(os, "pidfd_open"), reason="processes are signalled by pidfd, on Linux only"
    ),
]


def fault(**arguments: Any) -> Process:
    return Process(ProcessArguments.model_validate(arguments))


async def test_a_frozen_replica_keeps_the_protocol(platform: Platform) -> None:
    for _ in range(3):
        platform.start()
    platform.start(model="other")
    platform.start("proxy")

    async def frozen() -> bool:
        assert platform.states().count("T") <= 1
        assert platform.states()[3:] == "SS"
        return "T" in platform.states()

    make = partial(fault, action="stop", model="m")
    context = await check_fault(make, platform, seconds=0.3, effect=frozen)

    blast, undo = context.stated[0]
    assert (blast.replicas, blast.of) == (1, 3)
    assert len(undo["stopped"]) == 1
    assert context.noted("process")[0]["pid"] == undo["stopped"][0]["pid"]
    assert "X" not in platform.states()


async def test_a_kill_keeps_the_protocol() -> None:
    platform = Platform(replaces=True)
    try:
        platform.start(), platform.start()
        context = await check_fault(partial(fault, action="kill"), platform, seconds=0.1)
        note = context.noted("process")[0]
        assert platform.children[note["pid"]].returncode == -signal.SIGKILL
        assert (note["model"], note["struck"]) == ("m", True)
        assert platform.states().count("S") + platform.states().count("X") == len(platform.children)
    finally:
        platform.end()


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({"choose": "one"}, 1),
        ({"choose": "share", "share": 0.5}, 2),
        ({"choose": "all"}, 4),
        ({"share": 0.01, "choose": "share"}, 1),
    ],
)
async def test_how_many(platform: Platform, arguments: dict[str, Any], count: int) -> None:
    for _ in range(4):
        platform.start()
    platform.start(model="other")
    async with fake_context(platform) as context:
        await fault(action="kill", model="m", **arguments).inject(context.given)
        assert platform.states()[:4].count("X") == count
        assert platform.states()[4] == "S"
        assert context.stated[0][0].replicas == count
        assert context.stated[0][0].of == 4


async def test_the_seed_chooses(platform: Platform) -> None:
    parts = [platform.start() for _ in range(4)]
    chosen: dict[int, set[int]] = {}
    for seed in range(16):
        for _ in range(2):
            platform.members.reverse()  # the order in which a target tells its parts decides nothing
            async with fake_context(platform, seed=seed, stop_after_intent=True) as context:
                with pytest.raises(Exception, match="stopped"):
                    await fault(action="stop").inject(context.given)
                chosen.setdefault(seed, set()).add(context.undo["stopped"][0]["pid"])
    assert all(len(pids) == 1 for pids in chosen.values())
    assert len({pid for pids in chosen.values() for pid in pids}) >= 3
    assert {pid for pids in chosen.values() for pid in pids} <= {part.pid for part in parts}


async def test_a_crash_loop() -> None:
    platform = Platform(replaces=True)
    try:
        platform.start()
        async with fake_context(platform) as context:
            crashing = fault(action="kill", every=0.1)
            await crashing.inject(context.given)
            await crashing.hold(0.65)
        pids = [note["pid"] for note in context.noted("process")]
        assert len(pids) >= 3
        assert len(set(pids)) == len(pids)
        assert context.undo == {"stopped": []}
    finally:
        platform.end()


@pytest.mark.parametrize("code", ["", DEAF])
async def test_a_restart_waits_for_the_replacement(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.faults.process.GRACE_SECONDS", 0.3)
    platform = Platform(replaces=True)
    try:
        old = platform.start("manager", code=code)
        async with fake_context(platform) as context:
            await fault(role="manager", action="restart").inject(context.given)
        (new,) = platform.members
        assert new.pid != old.pid
        assert platform.children[old.pid].returncode == -(signal.SIGKILL if code else signal.SIGTERM)
        assert context.stated[0][0].of == 0
    finally:
        platform.end()


async def test_a_restart_without_replacement_failed(platform: Platform) -> None:
    platform.start()
    async with fake_context(platform) as context:
        with pytest.raises(FaultError, match="did not replace"):
            await fault(action="restart", within=0.3).inject(context.given)


@pytest.mark.parametrize("seconds", [0.15, 20.0])
async def test_who_goes_on_by_itself_was_not_stopped(platform: Platform, seconds: float) -> None:
    part = platform.start()
    async with fake_context(platform) as context:
        stopped = fault(action="stop")
        await stopped.inject(context.given)

        async def go_on() -> None:
            await anyio.sleep(0.05)
            os.kill(part.pid, signal.SIGCONT)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(go_on)
            with anyio.fail_after(10), pytest.raises(FaultError, match="was to be stopped and is running"):
                await stopped.hold(seconds)


async def test_one_that_died_meanwhile_needs_no_revert(platform: Platform) -> None:
    part = platform.start()
    async with fake_context(platform) as context:
        await fault(action="stop").inject(context.given)
        platform.children[part.pid].kill()
        platform.children[part.pid].wait()
        assert await Process.revert(context.undo) == "let 0 of 1 processes go on; 1 had ended"


async def test_a_pid_that_is_used_again_is_another_process(platform: Platform) -> None:
    part = platform.start()
    own = Known.of(part.pid, part.started)
    assert own.send(signal.SIGSTOP)
    with anyio.fail_after(5):
        while own.status != "stopped":  # noqa: ASYNC110
            await anyio.sleep(0.01)
    former = Known.of(part.pid, part.started - 100)
    assert former.status == "gone"
    assert not former.send(signal.SIGCONT)
    assert platform.states() == "T"
    assert own.send(signal.SIGCONT)


async def test_the_harness_is_spared(platform: Platform) -> None:
    own = [os.getpid(), os.getppid()]
    platform.members = [Part("replica", pid, psutil.Process(pid).create_time(), "m") for pid in own]
    async with fake_context(platform, stop_after_intent=True) as context:  # if it is broken, we live on
        with pytest.raises(FaultError, match="has no replica"):
            await fault(action="kill", choose="all").inject(context.given)
        assert context.order == []


async def test_a_target_that_cannot_tell_while_it_is_down() -> None:
    """It answers again only after a while: that is waited for, as for the replacement itself."""
    platform = Platform(replaces=True)
    try:
        platform.start("manager")

        async def come_back() -> None:
            await anyio.sleep(0.05)
            platform.failures["parts"] = TargetError("it is down")
            await anyio.sleep(0.4)
            platform.failures.clear()

        async with fake_context(platform) as context, anyio.create_task_group() as tasks:
            tasks.start_soon(come_back)
            await fault(role="manager", action="restart").inject(context.given)
    finally:
        platform.end()


async def test_on_the_embedded_platform() -> None:
    """Each kind of process there is, really its own: frozen, killed, restarted, and the platform serves in the end."""
    target = Embedded(TargetURL.parse("embedded", ["embedded"]), TargetContext())
    await target.open()
    try:
        await target.register("m", "echo", 2)
        for arguments in (
            {"role": "replica", "model": "m", "action": "kill"},
            {"role": "replica", "action": "restart"},
            {"role": "proxy", "action": "stop"},
            {"role": "manager", "action": "stop"},
            {"role": "manager", "action": "restart"},
        ):
            async with fake_context(target) as context:
                struck = fault(**arguments)
                await struck.inject(context.given)
                try:
                    await struck.hold(0.2)
                finally:
                    await Process.revert(context.undo)
                (note,) = context.noted("process")
                assert note["role"] == arguments["role"]
                stopped = arguments["action"] == "stop"
                assert psutil.pid_exists(note["pid"]) == stopped
                with anyio.fail_after(20):
                    while not await serves(target):  # noqa: ASYNC110
                        await anyio.sleep(0.05)
    finally:
        await target.close()


async def serves(target: Embedded) -> bool:
    """Whether it has both its replicas, and describes them."""
    try:
        state = await target.describe("m")
    except TargetError:
        return False
    replicas = {part.pid for part in await target.parts() if part.model == "m"}
    return state.workers == 2 and replicas == set(state.pids)


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "proxy", "model": "m"},
        {"action": "stop", "every": 1},
        {"share": 0},
        {"role": "db"},
        {"within": 0},
    ],
)
def test_arguments_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(DocumentError, match="fault 'process'"):
        create_fault("process", wrong)
