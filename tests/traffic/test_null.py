"""The echo socket answers our own probe, and nobody else."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from chaos.traffic.null import echo_server, null_stream
from chaos.traffic.spec import Outcome

pytestmark = pytest.mark.anyio


async def test_the_probe_gets_its_nonce_back(kit: Any) -> None:
    async with echo_server() as port:
        request = null_stream(port, 10.0, 1).request
        options = {"method": request.method, "headers": request.headers, "body": request.body}
        async with kit.client(port, **options) as client:
            assert {(await client.ask()).outcome for _ in range(50)} == {Outcome.OK}


async def test_pieces_are_put_together() -> None:
    async with echo_server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in b"GET / HTTP/1.1\r\nX-Nonce: 0123456789abcdef\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        async with asyncio.timeout(5.0):
            assert (await reader.readuntil(b"abcdef")).endswith(b"\r\n\r\n0123456789abcdef")
        writer.close()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"x" * 5000])
async def test_strangers_are_turned_away(said: bytes) -> None:
    async with echo_server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        async with asyncio.timeout(5.0):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
