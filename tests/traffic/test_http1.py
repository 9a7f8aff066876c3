"""How a request ends: each way in which a server can fail it has its own name, and none is taken for another."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.traffic.spec import Outcome

pytestmark = pytest.mark.anyio

OTHER = b"fedcba9876543210"


def _answering(kit: Any, answer: Any, *, reset: bool = False, keep: bool = False) -> Any:
    """A server that reads each request, writes ``answer(body)``, and closes, resets or keeps the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(answer(await kit.read_request(reader)))
            await writer.drain()
            if not keep:
                break
        if reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    return handle


CASES: dict[str, tuple[Any, Outcome]] = {
    "nothing": (lambda body: b"", Outcome.RESET),
    "cut in the status line": (lambda body: b"HTTP/1.1 20", Outcome.TRUNCATED),
    "cut in the headers": (lambda body: b"HTTP/1.1 200 OK\r\nContent-Le", Outcome.TRUNCATED),
    "cut body": (lambda body: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + body, Outcome.TRUNCATED),
    "cut body of a closing answer": (
        lambda body: b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 99\r\n\r\n" + body,
        Outcome.TRUNCATED,
    ),
    "cut chunk": (
        lambda body: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n" + body,
        Outcome.TRUNCATED,
    ),
    "no last chunk": (
        lambda body: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + body + b"\r\n",
        Outcome.TRUNCATED,
    ),
    "chunked": (
        lambda body: (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"8\r\n" + body[:8] + b"\r\n8\r\n" + body[8:] + b"\r\n0\r\n\r\n"
        ),
        Outcome.OK,
    ),
    "ended by a close": (lambda body: b"HTTP/1.1 200 OK\r\n\r\n" + body, Outcome.OK),
    "ended by a close, wrong": (lambda body: b"HTTP/1.0 200 OK\r\n\r\n" + OTHER, Outcome.WRONG),
    "interim answer first": (
        lambda body: b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + body,
        Outcome.OK,
    ),
    "only an interim answer": (lambda body: b"HTTP/1.1 100 Continue\r\n\r\n", Outcome.TRUNCATED),
    "404": (lambda body: b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", Outcome.HTTP_4XX),
    "404 with the nonce": (
        lambda body: b"HTTP/1.1 404 No\r\nContent-Length: 16\r\n\r\n" + body,
        Outcome.HTTP_4XX,
    ),
    "503": (lambda body: b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", Outcome.HTTP_5XX),
    "redirect": (lambda body: b"HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", Outcome.WRONG),
    "empty": (lambda body: b"HTTP/1.1 204 OK\r\n\r\n", Outcome.WRONG),
    "another's nonce": (lambda body: b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + OTHER, Outcome.WRONG),
    "not HTTP": (lambda body: b"SSH-2.0-OpenSSH_9.2\r\n", Outcome.WRONG),
    "upgrade": (
        lambda body: b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        Outcome.WRONG,
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_the_outcome_of_an_answer(kit: Any, name: str) -> None:
    answer, outcome = CASES[name]
    async with kit.serving(_answering(kit, answer)) as port, kit.client(port) as client:
        assert outcome == (await client.ask()).outcome
        assert not client.pool.in_flight


@pytest.mark.parametrize(
    ("status", "body", "expect", "outcome"),
    [
        ("409 Conflict", None, (409,), Outcome.OK),
        ("409 Conflict", OTHER, (409,), Outcome.WRONG),
        ("404 No", None, (409, 404), Outcome.OK),
        ("302 Go", None, (302,), Outcome.OK),
        ("200 OK", None, (409,), Outcome.WRONG),
        ("404 No", None, (409,), Outcome.HTTP_4XX),
        ("500 No", None, (409,), Outcome.HTTP_5XX),
        ("201 Made", None, (200, 201), Outcome.OK),
        ("202 Later", None, (200, 201), Outcome.WRONG),
    ],
)
async def test_a_right_answer_can_be_one_that_refuses(
    kit: Any, status: str, body: bytes | None, expect: tuple[int, ...], outcome: Outcome
) -> None:
    answering = _answering(kit, lambda sent: kit.plain_answer(body or sent, status), keep=True)
    async with kit.serving(answering) as port, kit.client(port, expect=expect) as client:
        assert [(await client.ask()).outcome for _ in range(2)] == [outcome] * 2


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"", Outcome.RESET),
        (b"HTTP/1.1 200 OK\r\n\r\nhalf of what", Outcome.TRUNCATED),
    ],
)
async def test_a_reset_is_no_proper_end(kit: Any, answer: bytes, outcome: Outcome) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await kit.read_request(reader)
        writer.write(answer)
        await writer.drain()
        await asyncio.sleep(0.05)
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    async with kit.serving(handle) as port, kit.client(port) as client:
        assert outcome == (await client.ask()).outcome


async def test_crossed_answers_are_caught(kit: Any) -> None:
    bodies: list[bytes] = []
    both = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = len(bodies)
        bodies.append(await kit.read_request(reader))
        if len(bodies) == 2:
            both.set()
        await both.wait()
        writer.write(kit.plain_answer(bodies[1 - place]))
        await writer.drain()
        await reader.read()

    async with kit.serving(handle) as port, kit.client(port) as client:
        first = asyncio.ensure_future(client.ask())
        await asyncio.sleep(0)
        client.send()
        await asyncio.wait([first])
        await asyncio.sleep(0.05)
        assert bodies[0] != bodies[1]
        assert client.recorder.total == 2
        assert first.exception() is not None or first.result().outcome is Outcome.WRONG


async def test_an_answer_too_many_is_never_taken_for_the_next(kit: Any) -> None:
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            body = await kit.read_request(reader)
            writer.write(kit.plain_answer(body) + kit.plain_answer(b"", "500 Late"))

    async with kit.serving(handle) as port, kit.client(port) as client:
        assert [(await client.ask()).outcome for _ in range(3)] == [Outcome.OK] * 3
    assert connections == 3


async def test_a_header_without_end_is_cut_off(kit: Any) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await kit.read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X-Padding: " + b"x" * 60_000 + b"\r\n")
            await writer.drain()

    async with kit.serving(handle) as port, kit.client(port, timeout=10.0) as client:
        assert (await client.ask()).outcome is Outcome.WRONG


async def test_the_nonce_is_found_wherever_it_stands_and_however_it_is_cut(kit: Any) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = await kit.read_request(reader)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {100_000 + 16}\r\n\r\n".encode() + b"0" * 100_000)
        for place in range(16):
            writer.write(body[place : place + 1])
            await writer.drain()
            await asyncio.sleep(0.002)
        await reader.read()

    async with kit.serving(handle) as port, kit.client(port) as client:
        assert (await client.ask()).outcome is Outcome.OK


def test_no_bytes_of_a_server_break_the_client(kit: Any) -> None:
    async def ask(answer: bytes) -> Outcome:
        async with kit.serving(_answering(kit, lambda _body: answer)) as port, kit.client(port) as client:
            ended = await client.ask()
            assert not client.pool.in_flight
            return Outcome(ended.outcome)

    http = st.sampled_from(
        [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 ", b"Content-Length: 3\r\n", b"\r\n", b"\0", b"0"]
    )

    @settings(max_examples=60, deadline=None)
    @given(st.lists(http | st.binary(max_size=8), max_size=8).map(b"".join))
    def check(answer: bytes) -> None:
        assert asyncio.run(ask(answer)) is not Outcome.OK  # none of them can know the nonce

    check()
