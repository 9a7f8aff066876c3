"""Connections are counted where they arrive: at a listening socket, that keeps, cuts or refuses them."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import psutil
import pytest
from anyio.abc import SocketAttribute, SocketStream

from chaos.errors import DocumentError
from chaos.faults.base import FaultError
from chaos.faults.connections import Connections, ConnectionsArguments
from chaos.faults.connections_helper import Kept
from chaos.faults.helper import Helper
from chaos.faults.registry import create_fault
from chaos.faults.testing import check_fault, fake_context
from chaos.targets.testing import FakeTarget

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not psutil.LINUX, reason="connections are kept with epoll, on Linux only"),
]


class Sink:
    """Accepts connections and reads what comes; closes each after ``patience`` seconds."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.port = 0
        self.now = self.accepted = self.reset = 0
        self.received: list[bytes] = []
        self.instants: list[float] = []

    async def handle(self, stream: SocketStream) -> None:
        self.now, self.accepted = self.now + 1, self.accepted + 1
        self.instants.append(time.monotonic())
        place = len(self.received)
        self.received.append(b"")
        try:
            async with stream:
                with anyio.move_on_after(self.patience), suppress(anyio.EndOfStream):
                    while True:
                        self.received[place] += await stream.receive()
        except anyio.BrokenResourceError:
            self.reset += 1
        finally:
            self.now -= 1


@asynccontextmanager
async def sink(patience: float = 60.0) -> AsyncIterator[Sink]:
    server = Sink(patience)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        server.port = listener.extra(SocketAttribute.local_port)  # noqa: S610
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, server.handle)
            yield server
            tasks.cancel_scope.cancel()


def fault(**arguments: Any) -> Connections:
    return Connections(ConnectionsArguments.model_validate(arguments))


async def test_a_flood_keeps_the_protocol() -> None:
    async with sink() as server:

        async def flooded() -> bool:
            assert server.now <= 200
            return server.now == 200

        target = FakeTarget(address=f"http://127.0.0.1:{server.port}")
        make = partial(fault, connections=200, rate=2000)
        context = await check_fault(make, target, seconds=0.2, effect=flooded)

        assert context.stated[0][0].hosts == ("127.0.0.1",)
        before, after = context.noted("connections")
        assert before["tried"] == after["standing"] == after["peak"] == 200
        assert after["refused"] == after["closed"] == after["reopened"] == 0
        assert set(server.received) == {b""}
        assert server.reset == server.accepted == 400
        kept = [
            entry
            for entry in psutil.net_connections("tcp")
            if entry.raddr and entry.raddr.port == server.port
        ]
        assert [entry.status for entry in kept if entry.status != psutil.CONN_ESTABLISHED] == []


async def test_the_rate_is_kept() -> None:
    """Within one run: the opening of all takes as long as the rate says, not less."""
    async with sink() as server, fake_context(FakeTarget()) as context:
        await fault(port=server.port, connections=100, rate=100).inject(context.given)
        assert 0.9 <= server.instants[-1] - server.instants[0] <= 3


async def test_slowloris_dribbles_a_header_without_end() -> None:
    async with sink() as server, fake_context(FakeTarget()) as context:
        slow = fault(kind="slowloris", port=server.port, connections=20, rate=1000, every=0.05)
        await slow.inject(context.given)
        await slow.hold(0.6)
        assert server.now == len(server.received) == 20
        begin = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n".encode()
        for received in server.received:
            header = received.removeprefix(begin)
            assert len(header) >= 4
            assert (b"x-slow: loris\r\n" * 9).startswith(header)


@pytest.mark.parametrize("kind", ["flood", "slowloris"])
async def test_what_the_server_cuts_is_opened_again(kind: str) -> None:
    async with sink(patience=0.2) as server, fake_context(FakeTarget()) as context:
        cut = fault(kind=kind, port=server.port, connections=10, rate=500, every=0.1)
        await cut.inject(context.given)
        await cut.hold(0.7)
        counts = context.noted("connections")[-1]
        assert counts["closed"] >= 20
        assert counts["closed"] + counts["standing"] <= counts["tried"] == counts["reopened"] + 10
        assert server.accepted >= 30


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    async with fake_context(FakeTarget()) as context:
        with pytest.raises(FaultError, match=r"0 stood at most .*ECONNREFUSED"):
            await fault(port=port, connections=5, within=0.5).inject(context.given)


async def test_a_helper_that_dies_is_found_out() -> None:
    async with sink() as server, fake_context(FakeTarget()) as context:
        dying = fault(port=server.port, connections=5)
        await dying.inject(context.given)
        context.helpers[0].process.kill()
        with anyio.fail_after(10), pytest.raises(FaultError, match="ended before"):
            await dying.hold(20)


async def test_the_helper_raises_its_limit_of_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with sink() as server, fake_context(FakeTarget()) as context:

        async def limited(command: Sequence[str]) -> Helper:
            resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
            try:
                return await context.given.helper(command)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        given = replace(context.given, helper=limited)
        await fault(port=server.port, connections=600, rate=3000).inject(given)
        assert context.noted("connections")[0]["peak"] == 600
        with anyio.fail_after(5):
            while server.now < 600:  # noqa: ASYNC110
                await anyio.sleep(0.01)


async def test_slowloris_does_not_speak_tls() -> None:
    async with fake_context(FakeTarget(address="https://127.0.0.1:1")) as context:
        with pytest.raises(FaultError, match="plain HTTP"):
            await fault(kind="slowloris").inject(context.given)
        assert context.order == []


def test_a_connection_that_is_not_answered_counts_as_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog that is full answers to nobody."""
    monkeypatch.setattr("chaos.faults.connections_helper.CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=1) as full:
        port = full.getsockname()[1]
        task = {"host": "127.0.0.1", "port": port, "kind": "flood", "connections": 10, "rate": 1000.0}
        kept = Kept({**task, "every": 1.0, "seed": 1})
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            for descriptor, event in kept.poll.poll(min(0.05, kept.turn())):
                kept.on_event(descriptor, event)
        counts = kept.counts()
        kept.close()
    assert 1 <= int(str(counts["standing"])) <= 3
    assert int(str(counts["refused"])) >= 7
    assert counts["error"] == "not answered"


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "127.0.0.1"},
        {"connections": 20_001},
        {"connections": 1000, "rate": 10},
        {"kind": "storm"},
        {"every": 0},
        {"rate": 0},
    ],
)
def test_arguments_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(DocumentError, match="fault 'connections'"):
        create_fault("connections", wrong)
