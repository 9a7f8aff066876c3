"""multi-model-server by its own management API; that it has TorchServe's is tested where TorchServe is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import psutil
import pytest

from chaos.errors import CapabilityError
from chaos.targets.base import Parts, need
from chaos.targets.context import TargetContext, UnansweredError
from chaos.targets.http import RefusedError
from chaos.targets.multi_model_server import MultiModelServer
from chaos.targets.sagemaker import open_target
from chaos.targets.url import TargetURL
from tests.targets.servers import StandIn, TorchServeStandIn, reply

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("short_deadlines")]


@asynccontextmanager
async def adapter(server: StandIn, query: str = "") -> AsyncIterator[MultiModelServer]:
    text = f"sagemaker+{server.address}?management={server.port}{query}"
    target = open_target(TargetURL.parse(text, ["sagemaker"]), TargetContext())
    assert isinstance(target, MultiModelServer)
    try:
        await target.open()
        yield target
    finally:
        await target.close()


async def test_a_life(torchserve: TorchServeStandIn) -> None:
    async with adapter(torchserve, "&models=/packages") as target:
        torchserve.overrides["POST", "/models"] = reply(200, "{}")
        torchserve.served["victim"] = 2
        await target.register("victim", "sleep", 2)
        await target.scale("victim", 3)
        assert (await target.describe("victim")).workers == 3
        request = target.infer_request("victim", {})
        assert request.url == f"{torchserve.address}/models/victim/invoke"
        await target.unregister("victim")
        assert await target.models() == []

    (query,) = (entry[2] for entry in torchserve.seen if entry[0] == "POST")
    assert query == {
        "url": "/packages/sleep",
        "model_name": "victim",
        "initial_workers": "2",
        "synchronous": "true",
    }


async def test_one_object_describes_a_model(torchserve: TorchServeStandIn) -> None:
    told = {"modelName": "m", "minWorkers": 2, "workers": [{"status": "READY"}, {"status": "UNLOADING"}]}
    torchserve.overrides["GET", "/models/m"] = reply(200, json.dumps(told))
    async with adapter(torchserve) as target:
        state = await target.describe("m")
        assert (state.ready, state.workers, state.desired) == (True, 1, 2)


async def test_a_management_address_that_is_the_container_api_alone(torchserve: TorchServeStandIn) -> None:
    torchserve.overrides["GET", "/models/m"] = reply(200, '{"modelName": "m", "modelUrl": "x"}')
    async with adapter(torchserve) as target:
        with pytest.raises(UnansweredError, match="tells no workers"):
            await target.describe("m")


FORKING = """
import os, time
if os.fork() and os.fork():
    os.wait()
time.sleep(60)
"""


async def test_its_workers_are_seen_though_it_does_not_tell_them(
    torchserve: TorchServeStandIn, tmp_path: Path
) -> None:
    """The stand-in listens in this process, so that what is started here can pass as its own."""
    program = tmp_path / "model_service_worker.py"
    program.write_text(FORKING)
    command = [
        sys.executable,
        str(program),
        "--sock-type",
        "unix",
        "--model-name",
        "m",
        "--preload-model",
        "false",
    ]
    torchserve.served["m"] = 2
    async with adapter(torchserve) as target:
        with subprocess.Popen(command) as server:  # noqa: ASYNC220
            forked: list[int] = []
            try:
                with anyio.fail_after(10):
                    while len(forked) < 2:
                        forked = sorted(child.pid for child in psutil.Process(server.pid).children())
                        await anyio.sleep(0.01)
                assert (await target.describe("m")).pids == tuple(forked)
                parts = await need(target, Parts).parts()
                assert sorted((part.role, part.model) for part in parts) == [
                    ("manager", ""),
                    ("replica", "m"),
                    ("replica", "m"),
                ]
                assert {part.pid for part in parts if part.model} == set(forked)
            finally:
                for pid in forked:
                    os.kill(pid, signal.SIGKILL)
                server.kill()


async def test_refusals_name_its_own_options(torchserve: TorchServeStandIn) -> None:
    async with adapter(torchserve) as target:
        with pytest.raises(RefusedError, match="models=DIR"):
            await target.register("m", "nothing", 1)
        with pytest.raises(CapabilityError, match="multi-model-server's control plane has no 'load'"):
            target.control_request("load", "m")
