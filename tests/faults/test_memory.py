"""A replica really dies of its memory limit: by the kernel in its cgroup, or by the platform's own limit."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from chaos.cgroups import PREFIX, find_base, make_replica, make_tree, oom_kills, remove_tree
from chaos.errors import CapabilityError, DocumentError
from chaos.faults.base import FaultError
from chaos.faults.memory import Oom, OomArguments
from chaos.faults.registry import create_fault
from chaos.faults.testing import check_fault, fake_context
from chaos.targets.context import TargetContext
from chaos.targets.embedded import Embedded
from chaos.targets.records import ErrorRecord, Part
from chaos.targets.testing import FakeTarget
from chaos.targets.url import TargetURL

pytestmark = pytest.mark.anyio

SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from chaos.cgroups import join

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["mebibytes"]
        taken = bytes([1]) * (wanted << 20)
        self.send_response(200)
        self.end_headers()

server = HTTPServer(("127.0.0.1", 0), Handler)
join(Path(sys.argv[1]))
print(server.server_port, flush=True)
server.serve_forever()
"""

kernel_limits = pytest.mark.skipif(find_base() is None, reason="no memory cgroup may be made here")


def fault(**arguments: Any) -> Oom:
    return Oom(OomArguments.model_validate({"model": "hungry", **arguments}))


@asynccontextmanager
async def platform(options: str) -> AsyncIterator[Embedded]:
    """The embedded platform with small replicas of one model."""
    target = Embedded(TargetURL.parse(f"embedded?memory=192{options}", ["embedded"]), TargetContext())
    await target.open()
    try:
        await target.register("hungry", "allocate", 2)
        yield target
    finally:
        await target.close()


@kernel_limits
async def test_by_the_kernel_and_again_while_held() -> None:
    async with platform("") as target:
        before = {part.pid for part in await target.parts() if part.model == "hungry"}
        async with fake_context(target) as context:
            repeated = fault(every=0.2)
            await repeated.inject(context.given)
            await repeated.hold(1.2)
        notes = context.noted("oom")
        assert notes[0]["pid"] in before
        assert {(note["by"], note["model"], note["status"]) for note in notes} == {("kernel", "hungry", 507)}
        pids = {note["pid"] for note in notes}
        assert len(pids) == len(notes) >= 2
        assert pids <= {record.pid for record in await target.errors("hungry")}


async def test_by_the_limit_of_the_platform() -> None:
    async with platform("&cgroup=no") as target:
        context = await check_fault(fault, target, seconds=0.1)

        (note,) = context.noted("oom")
        assert (note["by"], note["model"], note["mebibytes"], note["status"]) == ("limit", "hungry", 256, 507)
        assert note["pid"] in {record.pid for record in await target.errors("hungry")}
        blast = context.stated[0][0]
        assert (blast.replicas, blast.of, blast.hosts) == (1, 2, ("127.0.0.1",))


class Alone(FakeTarget):
    """A target whose only replica is a server in a memory cgroup, and which remembers nothing."""

    errors = None  # type: ignore[assignment]

    def __init__(self, server: subprocess.Popen[str], port: int) -> None:
        super().__init__(address=f"http://127.0.0.1:{port}")
        self.server = server
        self.part = Part("replica", server.pid, 0.0, "hungry")

    async def parts(self) -> list[Part]:
        return [self.part] if self.server.poll() is None else []


@pytest.fixture
def caged() -> Iterator[tuple[Alone, Path]]:
    """That target, and the cgroup."""
    base = find_base()
    assert base is not None
    tree = base / f"{PREFIX}test-{uuid.uuid4().hex[:8]}"
    make_tree(tree)
    server = None
    try:
        group = make_replica(tree, 1, 96 << 20)
        words = [sys.executable, "-c", SERVER, str(group)]
        server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        yield Alone(server, int(server.stdout.readline())), group
    finally:
        if server is not None:
            server.kill()
            server.communicate()
        remove_tree(tree)


@kernel_limits
async def test_the_kernel_says_so_too(caged: tuple[Alone, Path]) -> None:
    target, group = caged
    async with fake_context(target) as context:
        await fault(step_mebibytes=16).inject(context.given)

    assert target.server.returncode == -signal.SIGKILL
    assert oom_kills(group) == 1
    (note,) = context.noted("oom")
    assert (note["pid"], note["by"], note["status"]) == (target.server.pid, "unknown", 0)
    assert note["mebibytes"] in (64, 128)


class Scripted(FakeTarget):
    """Answers inferences with the statuses of a script, the last one again and again."""

    def __init__(self, *statuses: int) -> None:
        super().__init__()
        self.statuses = list(statuses)
        self.asked: list[int] = []
        self.members = [Part("replica", 11, 0.0, "hungry"), Part("replica", 12, 0.0, "hungry")]
        self.then: Callable[[], None] = lambda: None

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((await request.json())["mebibytes"])
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 507:
            self.then()
        return web.Response(status=status, text="so be it")

    def remember(self, pid: int, kind: str, by: str = "", monotonic: float = 1.0) -> None:
        self.history.insert(0, ErrorRecord("", monotonic, "hungry", "1", pid, kind, by, ""))


async def strike(target: Scripted, **arguments: Any) -> list[dict[str, Any]]:
    """Inject it, and return what it noted."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", target.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        target.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with fake_context(target) as context:
            await fault(**arguments).inject(context.given)
            return context.noted("oom")
    finally:
        await runner.cleanup()


async def test_each_request_takes_twice_as_much_until_one_dies() -> None:
    target = Scripted(200, 503, 200, 507)
    target.remember(10, "OOMKilled", "kernel")  # of old

    def die() -> None:
        target.remember(13, "Killed", monotonic=2.0)  # by somebody else, at the same time
        target.remember(12, "OOMKilled", "limit", monotonic=3.0)

    target.then = die
    (note,) = await strike(target, step_mebibytes=10)
    assert target.asked == [10, 20, 20, 40]
    assert (note["pid"], note["by"], note["at"], note["mebibytes"]) == (12, "limit", 3.0, 40)


@pytest.mark.parametrize("remembers", [True, False])
async def test_a_death_that_the_target_does_not_name(
    remembers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It happened all the same; whether the target should have named it is a check's to say."""
    monkeypatch.setattr("chaos.faults.memory.NAMED_SECONDS", 0.2)
    target = Scripted(507)

    def die() -> None:
        if remembers:
            target.remember(12, "Exited")
        else:
            target.members.pop()

    target.then = die
    (note,) = await strike(target)
    assert (note["pid"], note["by"]) == (12, "unknown")


@pytest.mark.parametrize(
    ("statuses", "arguments", "told"),
    [
        ([200], {"most_mebibytes": 200}, "more than 200 MiB would have to be taken.*'allocate'"),
        ([200], {"step_mebibytes": 1 << 30, "most_mebibytes": 1 << 31}, "this machine has"),
        ([404], {}, "it answered 404: so be it"),
        ([507], {"within": 0.4}, "not within 0.4 s.*507: so be it"),
        ([503], {"within": 0.4}, "not within 0.4 s.*503"),
    ],
)
async def test_nobody_died(statuses: list[int], arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(FaultError, match=told):
        await strike(Scripted(*statuses), **arguments)


async def test_a_model_without_replicas() -> None:
    target = Scripted(200)
    target.members = []
    with pytest.raises(FaultError, match="no replica that could die"):
        await strike(target)


async def test_a_target_of_which_nobody_can_tell() -> None:
    class Opaque(Scripted):
        errors = None  # type: ignore[assignment]
        parts = None  # type: ignore[assignment]

    with pytest.raises(CapabilityError, match="nobody could say"):
        await strike(Opaque(200))


@pytest.mark.parametrize(
    "wrong", [{}, {"model": ""}, {"model": "m", "every": -1}, {"model": "m", "within": 0}]
)
def test_arguments_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(DocumentError, match="fault 'oom'"):
        create_fault("oom", wrong)
