"""Connections: kept, replaced, bounded, given up in time; and no request is sent twice or lost."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from chaos.errors import ChaosError
from chaos.traffic.spec import Outcome

pytestmark = pytest.mark.anyio


class Counting:
    """Counts connections and requests, and closes each connection as told."""

    def __init__(self, kit: Any, *, answers: int = 1_000_000, linger: float = 0.0) -> None:
        self.kit, self.answers, self.linger = kit, answers, linger
        self.connections = self.requests = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        for _ in range(self.answers):
            body = await self.kit.read_request(reader)
            self.requests += 1
            writer.write(self.kit.plain_answer(body))
            await writer.drain()
        await asyncio.sleep(self.linger)


async def test_a_connection_is_kept(kit: Any) -> None:
    server = Counting(kit)
    async with kit.serving(server.handle) as port, kit.client(port) as client:
        assert {Outcome.OK} == {(await client.ask()).outcome for _ in range(20)}
    assert (server.connections, server.requests) == (1, 20)


async def test_a_connection_is_not_kept_against_the_servers_word(kit: Any) -> None:
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        body = await kit.read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 16\r\n\r\n" + body)
        await reader.read()

    async with kit.serving(handle) as port, kit.client(port) as client:
        assert {Outcome.OK} == {(await client.ask()).outcome for _ in range(3)}
    assert connections == 3


async def test_a_connection_closed_while_idle_fails_nobody(kit: Any) -> None:
    server = Counting(kit, answers=1, linger=0.01)
    async with kit.serving(server.handle) as port, kit.client(port) as client:
        for _ in range(5):
            assert (await client.ask()).outcome is Outcome.OK
            await asyncio.sleep(0.05)
    assert (server.connections, server.requests) == (5, 5)


async def _answer_one(kit: Any, listener: socket.socket) -> socket.socket:
    """Accept a connection and answer the first request on it."""
    loop = asyncio.get_running_loop()
    peer, _ = await loop.sock_accept(listener)
    request = await loop.sock_recv(peer, 4096)
    await loop.sock_sendall(peer, kit.plain_answer(request[-16:]))
    return peer


async def test_a_close_that_the_loop_has_not_seen_yet_fails_nobody(kit: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        async with kit.client(listener.getsockname()[1]) as client:
            asking = asyncio.ensure_future(client.ask())
            peer = await _answer_one(kit, listener)
            assert (await asking).outcome is Outcome.OK
            peer.close()
            time.sleep(0.01)  # noqa: ASYNC251  the loop must not get to see it
            client.send()
            async with asyncio.timeout(5.0):
                peer = await _answer_one(kit, listener)
            await asyncio.sleep(0.05)
            assert [ended.outcome for ended in client.ended()] == [Outcome.OK]
            peer.close()


async def test_a_request_that_kills_the_server_is_not_sent_again(kit: Any) -> None:
    requests = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        for answers in (True, False):
            body = await kit.read_request(reader)
            requests += 1
            if answers:
                writer.write(kit.plain_answer(body))

    async with kit.serving(handle) as port, kit.client(port) as client:
        assert [(await client.ask()).outcome for _ in range(2)] == [Outcome.OK, Outcome.RESET]
    assert requests == 2


async def test_what_a_server_says_unasked_costs_it_the_connection(kit: Any) -> None:
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(kit.plain_answer(await kit.read_request(reader)))
        await asyncio.sleep(0.02)
        writer.write(kit.plain_answer(b"", "408 Request Timeout"))
        writer.write(kit.plain_answer(await kit.read_request(reader)))

    async with kit.serving(handle) as port, kit.client(port) as client:
        assert (await client.ask()).outcome is Outcome.OK
        await asyncio.sleep(0.1)
        assert (await client.ask()).outcome is Outcome.OK
    assert connections == 2


async def test_refused(kit: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with kit.client(free.getsockname()[1]) as client:
            assert {Outcome.REFUSED} == {(await client.ask()).outcome for _ in range(3)}


async def test_a_name_that_nobody_has_is_refused(kit: Any) -> None:
    async with kit.client(80, host="nowhere.invalid", timeout=15.0) as client:
        assert (await client.ask()).outcome is Outcome.REFUSED


async def test_a_timeout_counts_the_whole_wait_and_drops_the_connection(kit: Any) -> None:
    closed = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await kit.read_request(reader)
        await reader.read()
        closed.set()

    async with kit.serving(handle) as port, kit.client(port, timeout=0.3) as client:
        ended = await client.ask()
        assert ended.outcome is Outcome.TIMEOUT
        assert ended.seconds >= 0.3 * 0.995
        async with asyncio.timeout(5.0):
            await closed.wait()


async def test_connecting_is_under_the_deadline(kit: Any) -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for filler in (first, second):  # with a full queue of connections the kernel leaves a SYN unanswered
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        async with kit.client(deaf.getsockname()[1], timeout=0.2) as client:
            ended = await client.ask()
            assert ended.outcome is Outcome.TIMEOUT
            assert ended.seconds >= 0.2 * 0.995
            assert not client.pool.in_flight


async def test_answers_that_came_while_we_were_held_up_are_no_timeouts(kit: Any) -> None:
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, near, far:
        listener.setblocking(False)
        async with kit.client(listener.getsockname()[1], timeout=0.2) as client:
            asking = asyncio.ensure_future(client.ask())
            peer, _ = await loop.sock_accept(listener)
            request = await loop.sock_recv(peer, 4096)

            def be_held_up() -> None:
                # Within the loop's reading of sockets: its timers come before it reads again.
                loop.remove_reader(near)
                peer.send(kit.plain_answer(request[-16:]))
                time.sleep(0.4)

            loop.add_reader(near, be_held_up)
            far.send(b"now")
            assert (await asking).outcome is Outcome.OK
            peer.close()


async def test_no_more_connections_than_allowed(kit: Any) -> None:
    server = Counting(kit)
    async with kit.serving(server.handle) as port, kit.client(port, limit=2) as client:
        assert [client.send() for _ in range(3)] == [True, True, False]
        assert (client.pool.sent, client.pool.in_flight) == (2, 2)


async def test_a_huge_answer_takes_no_memory(kit: Any) -> None:
    size, block = 64 * 2**20, b"0" * 2**16
    process, peak = psutil.Process(), 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal peak
        body = await kit.read_request(reader)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size + 16}\r\n\r\n".encode())
        for _ in range(size // len(block)):
            writer.write(block)
            await writer.drain()
            peak = max(peak, process.memory_info().rss)
        writer.write(body)
        await writer.drain()

    async with kit.serving(handle) as port, kit.client(port, timeout=30.0) as client:
        before = process.memory_info().rss
        assert (await client.ask()).outcome is Outcome.OK
        assert client.pool.received > size
        assert peak - before < size / 4


async def test_our_own_lack_of_descriptors_is_not_the_targets_fault(kit: Any) -> None:
    server = Counting(kit)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def run_out() -> None:
        async with kit.serving(server.handle) as port, kit.client(port) as client:
            lowest_free = os.dup(0)
            os.close(lowest_free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
            try:
                client.send()
                await asyncio.sleep(1.0)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    with pytest.raises(ExceptionGroup) as raised:
        await run_out()
    assert raised.group_contains(ChaosError, match="ulimit -n")


async def test_tls_is_spoken_and_verified(
    kit: Any, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    server = Counting(kit)
    async with kit.serving(server.handle, context) as port:
        async with kit.client(port, scheme="https", verify_tls=False) as client:
            assert {Outcome.OK} == {(await client.ask()).outcome for _ in range(5)}
        assert server.connections == 1
        async with kit.client(port, scheme="https") as client:
            assert (await client.ask()).outcome is Outcome.REFUSED
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        async with kit.client(port, scheme="https") as client:
            assert (await client.ask()).outcome is Outcome.OK
