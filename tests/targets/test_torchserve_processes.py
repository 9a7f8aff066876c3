"""Its worker processes, as far as they run here: whose they are, and whether they have ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from chaos.targets.base import Parts, need
from chaos.targets.context import UnansweredError
from chaos.targets.torchserve import LocalTorchServe
from tests.targets.adapters import adapter
from tests.targets.servers import TorchServeStandIn

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("short_deadlines")]


@pytest.fixture
def child() -> Any:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


async def test_a_worker_that_lives_on_is_not_believed_gone(
    torchserve: TorchServeStandIn, child: subprocess.Popen[bytes]
) -> None:
    # the stand-in listens in this process, so that a child of ours can pass as its worker
    torchserve.pids = [child.pid]
    async with adapter(torchserve) as target:
        await target.register("victim", "sleep", 1)
        assert (await target.describe("victim")).pids == (child.pid,)

        with pytest.raises(UnansweredError, match=rf"still run after 0.5 s: \[{child.pid}\]"):
            await target.unregister("victim")


async def test_its_parts_are_the_owner_of_the_ports_and_the_workers_that_run_here(
    torchserve: TorchServeStandIn, child: subprocess.Popen[bytes]
) -> None:
    torchserve.pids = [child.pid, 4_000_000]
    async with adapter(torchserve, kind=LocalTorchServe) as target:
        await target.register("victim", "sleep", 2)
        manager, replica = await need(target, Parts).parts()

        assert (manager.role, manager.pid, manager.model) == ("manager", os.getpid(), "")
        assert (replica.role, replica.pid, replica.model) == ("replica", child.pid, "victim")
        assert replica.started == psutil.Process(child.pid).create_time()
        child.kill()
        child.wait()
        assert [part.role for part in await need(target, Parts).parts()] == ["manager"]


async def test_a_worker_that_nobody_describes(torchserve: TorchServeStandIn, tmp_path: Path) -> None:
    program = tmp_path / "model_service_worker.py"
    program.write_text("import time; time.sleep(60)")
    async with adapter(torchserve, kind=LocalTorchServe) as target:
        with subprocess.Popen([sys.executable, str(program), "--sock-type", "unix"]) as worker:  # noqa: ASYNC220
            try:
                _, replica = await need(target, Parts).parts()
                assert (replica.role, replica.pid, replica.model) == ("replica", worker.pid, "")

                torchserve.pids = [worker.pid]
                await target.register("victim", "sleep", 1)
                _, replica = await need(target, Parts).parts()
                assert replica.model == "victim", "what is described is not nobody's"
            finally:
                worker.kill()


async def test_a_worker_that_ends_in_time(
    torchserve: TorchServeStandIn, child: subprocess.Popen[bytes]
) -> None:
    torchserve.pids = [child.pid]
    async with adapter(torchserve) as target:
        await target.register("victim", "sleep", 1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_later, child.kill)
            await target.unregister("victim")


async def _later(function: Callable[[], None]) -> None:
    await anyio.sleep(0.1)
    function()
