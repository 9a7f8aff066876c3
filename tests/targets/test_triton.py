from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from chaos.errors import CapabilityError, TargetError
from chaos.targets import oip
from chaos.targets.base import Scale
from chaos.targets.context import TargetContext, UnansweredError
from chaos.targets.http import RefusedError
from chaos.targets.oip import OIP, open_target
from chaos.targets.triton import LocalTriton, Packages, Triton
from chaos.targets.url import TargetURL
from tests.targets.servers import StandIn, TritonStandIn, reply

pytestmark = pytest.mark.anyio
CONFIG = {"name": "x", "backend": "python", "max_batch_size": 0, "instance_group": [{"kind": "KIND_CPU"}]}


@pytest.fixture(autouse=True)
def _short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oip, "READY_SECONDS", 0.5)
    monkeypatch.setattr(oip, "GONE_SECONDS", 0.5)
    monkeypatch.setattr(oip, "POLL_SECONDS", 0.01)


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    for name in ("sleep", "echo"):
        (tmp_path / name / "1" / "code").mkdir(parents=True)
        (tmp_path / name / "config.json").write_text(json.dumps(CONFIG))
        (tmp_path / name / "1" / "model.py").write_bytes(b"pass\n")
        (tmp_path / name / "1" / "code" / "more.bin").write_bytes(b"\x00\xff")
    return tmp_path


def _target(address: str, packages: Path) -> Triton:
    target = open_target(TargetURL.parse(f"oip+{address}?packages={packages}", ["oip"]), TargetContext())
    assert isinstance(target, LocalTriton)
    return target


@asynccontextmanager
async def opened(server: StandIn, packages: Path) -> AsyncIterator[Triton]:
    target = _target(server.address, packages)
    try:
        await target.open()
        yield target
    finally:
        await target.close()


def _loads(server: StandIn) -> list[dict[str, Any]]:
    return [body["parameters"] for _, path, _, body in server.seen if path.endswith("/load")]


async def test_a_package_is_sent_with_the_load(triton: TritonStandIn, packages: Path) -> None:
    async with opened(triton, packages) as target:
        await target.register("any-name", "sleep", 2)
        assert await target.models() == ["any-name"], "though no index has it"
        state = await target.describe("any-name")
        assert (state.ready, state.workers, state.desired) == (True, 2, 2)
        await target.unregister("any-name")
        assert await target.models() == []

    (sent,) = _loads(triton)
    config = json.loads(sent.pop("config"))
    assert config["instance_group"] == [{"kind": "KIND_CPU", "count": 2}]
    assert "name" not in config, "Triton would refuse another name than that in the path"
    assert {name: base64.b64decode(text) for name, text in sent.items()} == {
        "file:1/model.py": b"pass\n",
        "file:1/code/more.bin": b"\x00\xff",
    }


async def test_it_is_scaled_by_loading_it_again(triton: TritonStandIn, packages: Path) -> None:
    async with opened(triton, packages) as target:
        await target.register_batched("victim", "sleep", 1, 4, 0.01)
        await target.scale("victim", 3)
        assert (await target.describe("victim")).workers == 3

    first, second = _loads(triton)
    config = json.loads(second.pop("config"))
    assert config.pop("instance_group") == [{"kind": "KIND_CPU", "count": 3}]
    assert (config["max_batch_size"], config["dynamic_batching"]["max_queue_delay_microseconds"]) == (
        4,
        10_000,
    )
    assert first.keys() - {"config"} == second.keys(), "all else stays as it was"


async def test_what_is_sent_on_the_wire_is_the_same(triton: TritonStandIn, packages: Path) -> None:
    async with opened(triton, packages) as target:
        registered = target.control_request("register", "one", 2, "sleep")
        scaled = target.control_request("scale", "one", 3)
        await target.register("other", "sleep", 2)
        await target.scale("other", 3)
        sent = _loads(triton)
        assert [json.loads(request.body)["parameters"] for request in (registered, scaled)] == sent
        assert registered.url.endswith("/v2/repository/models/one/load")

        missing = target.control_request("register", "one", 2, "no-such-package")
        assert json.loads(missing.body) == {}, "it is for the server to refuse"
        strange = json.loads(target.control_request("scale", "nobody", 3).body)["parameters"]
        assert json.loads(strange["config"]) == {"instance_group": [{"count": 3}]}
        with pytest.raises(CapabilityError, match="no model of no instances"):
            target.control_request("scale", "one", 0)


async def test_a_scale_that_the_server_does_not_do(triton: TritonStandIn, packages: Path) -> None:
    async with opened(triton, packages) as target:
        await target.register("victim", "sleep", 1)
        await target.register("echo", "echo", 1)
        with pytest.raises(RefusedError, match="registered by this run"):
            await target.scale("nobody", 2)
        triton.overrides["GET", "/v2/models/victim/config"] = reply(
            200, json.dumps({"instance_group": [{"count": 1}]})
        )
        with pytest.raises(UnansweredError, match="there are 1 instances"):
            await target.scale("victim", 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "there is no"), ("{", "config"), ("[]", "no JSON object")],
)
async def test_packages_that_are_none(packages: Path, content: str | None, said: str) -> None:
    path = packages / "sleep" / "config.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(TargetError, match=said):
        Packages(packages).load("sleep", 1, {})


async def test_a_package_is_no_path(packages: Path) -> None:
    (packages / "inner").mkdir()
    inner = Packages(packages / "inner")
    assert "../sleep" not in inner
    with pytest.raises(TargetError, match="there is no"):
        inner.load("../sleep", 1, {})


async def test_no_directory_and_no_triton(triton: TritonStandIn, packages: Path) -> None:
    with pytest.raises(TargetError, match=r"target oip\+.*'packages': .*nowhere is no directory"):
        _target(triton.address, packages / "nowhere")
    triton.name = "mlserver"
    with pytest.raises(TargetError, match="it is none"):
        async with opened(triton, packages):
            raise AssertionError("it does not open")


async def test_without_packages_it_does_not_scale(triton: TritonStandIn) -> None:
    target = open_target(TargetURL.parse(f"oip+{triton.address}", ["oip"]), TargetContext())
    assert isinstance(target, OIP)
    assert not isinstance(target, Scale)


async def test_processes_of_instances(
    triton: TritonStandIn, packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Child processes of the server that are called as Triton calls its stubs: here the server is this process."""
    stub = tmp_path / "triton_python_backend_stub"
    stub.symlink_to(sys.executable)
    arguments = [
        str(stub),
        "-c",
        "import time; time.sleep(60)",
        "/a/model.py",
        "region_1_2-f",
        "a-model_2_0_1",
        "DEFAULT",
    ]
    async with opened(triton, packages) as target:
        assert isinstance(target, LocalTriton)
        process = await anyio.open_process(arguments)
        try:
            with anyio.fail_after(10):
                while not [part for part in await target.parts() if part.pid == process.pid]:  # noqa: ASYNC110
                    await anyio.sleep(0.02)
            (replica,) = [part for part in await target.parts() if part.role == "replica"]
            assert (replica.pid, replica.model) == (process.pid, ""), "no such model is listed"
            triton.sent["a-model_2"] = {"instance_group": [{"count": 1}]}
            (replica,) = [part for part in await target.parts() if part.role == "replica"]
            assert replica.model == "a-model_2"
            assert (await target.describe("a-model_2")).pids == (process.pid,)
            with pytest.raises(UnansweredError, match="still being unloaded"):
                await target.unregister("a-model_2")
            psutil.Process(process.pid).kill()
            await target.unregister("a-model_2")
            assert [part for part in await target.parts() if part.role == "replica"] == []
        finally:
            if process.returncode is None:
                process.kill()
            await process.aclose()
