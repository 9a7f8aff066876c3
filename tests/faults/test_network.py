"""The kernel really drops and rejects: one port only, only while held, in a table of the fault's own."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from functools import partial

import anyio
import pytest

from chaos.errors import DocumentError
from chaos.faults.base import FaultError, RevertError
from chaos.faults.network import Network, NetworkArguments
from chaos.faults.registry import create_fault
from chaos.faults.testing import check_fault, fake_context
from chaos.targets.testing import FakeTarget

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not sys.platform.startswith("linux") or os.geteuid() != 0 or shutil.which("nft") is None,
        reason="the kernel's packet filter is set by root, with nft",
    ),
]
CONNECT = "import socket, sys; sys.exit(socket.socket().connect_ex(('127.0.0.1', int(sys.argv[1]))))"
SERVE = (
    "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n"
    "while True: s.accept()[0].close()"
)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command; its exit code is the caller's to see."""
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=10)


def ruled(what: str) -> bool:
    """Whether the packet filter has something of it; others may be at work on other ports."""
    return what in run("nft", "list", "ruleset").stdout


def reached(port: int) -> str:
    """How a connect ends."""
    try:
        socket.create_connection(("127.0.0.1", port), 0.3).close()
    except TimeoutError:
        return "timed out"
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "connected"


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    """Two ports of loopback on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        yield one.getsockname()[1], other.getsockname()[1]


@pytest.fixture
def foreign() -> Iterator[str]:
    """A table of somebody else's."""
    name = f"foreign_{uuid.uuid4().hex[:8]}"
    assert run("nft", "add", "table", "inet", name).returncode == 0
    yield f"table inet {name}"
    assert run("nft", "delete", "table", "inet", name).returncode == 0


@pytest.mark.parametrize(("action", "ends"), [("drop", "timed out"), ("reject", "ECONNREFUSED")])
async def test_it_keeps_the_protocol(action: str, ends: str, ports: tuple[int, int], foreign: str) -> None:
    port, other = ports

    async def cut() -> bool:
        assert reached(other) == "connected"
        seen = reached(port)
        assert seen in (ends, "connected")
        return seen == ends

    arguments = NetworkArguments.model_validate({"action": action, "port": port})
    context = await check_fault(partial(Network, arguments), FakeTarget(), seconds=0.2, effect=cut)

    blast, undo = context.stated[0]
    assert blast.hosts == ("127.0.0.1",)
    assert undo["table"].startswith("chaos_check_")
    assert context.noted("network")[0]["packets"] > 0
    assert not ruled(f"port {port}")
    assert ruled(foreign)


async def test_connections_that_stand_are_hit_too(ports: tuple[int, int]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            with accepted:
                client.settimeout(0.5)
                async with fake_context(FakeTarget()) as context:
                    await Network(NetworkArguments(action="drop", port=port)).inject(context.given)
                    try:
                        accepted.sendall(b"lost")
                        with pytest.raises(TimeoutError):
                            client.recv(4)
                    finally:
                        await Network.revert(context.undo)
                client.settimeout(5.0)
                assert (
                    client.recv(4) == b"lost"
                )  # sent again by the kernel: it was dropped on the way, not lost


async def test_rules_that_somebody_takes_away_are_missed(ports: tuple[int, int]) -> None:
    async with fake_context(FakeTarget()) as context:
        fault = Network(NetworkArguments(port=ports[0]))
        await fault.inject(context.given)
        assert run("nft", "delete", "table", "inet", context.undo["table"]).returncode == 0
        with anyio.fail_after(10), pytest.raises(FaultError, match="taken away"):
            await fault.hold(20)
        assert "was not there" in await Network.revert(context.undo)


@pytest.fixture
def namespace() -> Iterator[tuple[str, int]]:
    """A network namespace, and the port on its loopback on which somebody listens."""
    if shutil.which("ip") is None:
        pytest.skip("network namespaces are made with ip")
    name = f"chaos-test-{uuid.uuid4().hex[:8]}"
    inside = ("ip", "netns", "exec", name)
    assert run("ip", "netns", "add", name).returncode == 0
    server = None
    try:
        assert run(*inside, "ip", "link", "set", "lo", "up").returncode == 0
        server = subprocess.Popen([*inside, sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        yield name, int(server.stdout.readline())
    finally:
        if server is not None:
            server.kill()
            server.communicate()
        run("ip", "netns", "delete", name)


async def test_only_in_the_namespace(namespace: tuple[str, int]) -> None:
    name, port = namespace

    async def cut() -> bool:
        ended = run("ip", "netns", "exec", name, sys.executable, "-c", CONNECT, str(port)).returncode
        assert ended in (0, errno.ECONNREFUSED)
        assert not ruled(f"port {port}")  # outside
        return ended != 0

    arguments = NetworkArguments(action="reject", port=port, namespace=name)
    context = await check_fault(partial(Network, arguments), FakeTarget(), seconds=0.1, effect=cut)
    assert context.stated[0][0].hosts == ()

    async with fake_context(FakeTarget()) as left:
        await Network(arguments).inject(left.given)
        assert run("ip", "netns", "delete", name).returncode == 0
        assert "is gone" in await Network.revert(left.undo)


async def test_a_namespace_that_is_not_there() -> None:
    async with fake_context(FakeTarget()) as context:
        with pytest.raises(FaultError, match="ip netns add chaos-none"):
            await Network(NetworkArguments(port=1, namespace="chaos-none")).inject(context.given)
        assert context.order == []


async def test_what_cannot_be_deleted_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RevertError, match="by hand: nft delete table inet chaos_x"):
        await Network.revert({"table": "chaos_x", "namespace": ""})


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"port": 0},
        {"port": 80, "namespace": "host"},
        {"port": 80, "namespace": "chaos-a b"},
        {"port": 80, "action": "x"},
    ],
)
def test_arguments_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(DocumentError, match="fault 'network'"):
        create_fault("network", wrong)
