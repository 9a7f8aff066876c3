"""Loopback servers that behave as a test tells them to, and a short way to send requests to them."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaos.traffic.histogram import seconds_of
from chaos.traffic.pool import Pool
from chaos.traffic.recorder import Recorder
from chaos.traffic.spec import NONCE, HttpRequest, Outcome
from chaos.traffic.template import RequestTemplate

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that the worker uses."""
    return "asyncio", {"use_uvloop": True}


@dataclass(frozen=True, slots=True)
class Ended:
    """One request as it was recorded, seconds to within a bucket."""

    outcome: Outcome
    seconds: float


class Client:
    """A pool of its own whose requests are sent one by one."""

    def __init__(self, port: int, tasks: asyncio.TaskGroup, **options: Any) -> None:
        scheme, timeout = options.pop("scheme", "http"), options.pop("timeout", 3.0)
        limit, host = options.pop("limit", 8), options.pop("host", "127.0.0.1")
        options = {"method": "POST", "body": NONCE.encode(), **options}
        template = RequestTemplate(HttpRequest(f"{scheme}://{host}:{port}/", **options))
        self.recorder = Recorder()
        self.pool = Pool(template, self.recorder, tasks, timeout=timeout, limit=limit, label="test")
        self.pool.on_free = lambda _now: self._ended.set()
        self._ended = asyncio.Event()

    def send(self) -> bool:
        """Send a request and do not wait for it."""
        now = time.monotonic()
        return self.pool.send(now, now)

    async def ask(self) -> Ended:
        """Send a request and wait for its end."""
        self._ended.clear()
        assert self.send()
        async with asyncio.timeout(20.0):
            await self._ended.wait()
        (ended,) = self.ended()
        return ended

    def ended(self) -> list[Ended]:
        """What was recorded since this was asked last."""
        cells, _ = self.recorder.flush()
        return [
            Ended(Outcome(outcome), float(seconds_of(bucket)))
            for _slot, outcome, bucket, count in cells
            for _ in range(count)
        ]


@asynccontextmanager
async def _client(port: int, **options: Any) -> AsyncIterator[Client]:
    async with asyncio.TaskGroup() as tasks:
        client = Client(port, tasks, **options)
        try:
            yield client
        finally:
            client.pool.close()


@asynccontextmanager
async def _serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, as some tests make it
        finally:
            writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(handle(reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls, backlog=1024)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return await reader.readexactly(int(value))
    return b""


def plain_answer(body: bytes, status: str = "200 OK") -> bytes:
    """A well-formed answer that keeps the connection."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A correct server: the answer is the request's body."""
    while True:
        writer.write(plain_answer(await read_request(reader)))
        await writer.drain()


class Kit:
    """What the tests of this room share; a fixture, since test modules do not import each other."""

    client = staticmethod(_client)
    serving = staticmethod(_serving)
    read_request = staticmethod(read_request)
    plain_answer = staticmethod(plain_answer)
    echo = staticmethod(echo)


@pytest.fixture
def kit() -> type[Kit]:
    """Servers and clients."""
    return Kit


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    directory = tmp_path_factory.mktemp("tls")
    chain, key = directory / "chain.pem", directory / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command = ["openssl", "req", "-x509", "-nodes", *curve, *subject, "-keyout", str(key), "-out", str(chain)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return chain, key
