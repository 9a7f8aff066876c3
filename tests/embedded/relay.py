"""What link tests share: a relay that cuts and swallows, an owner that notes, a replica without a platform."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio

from chaos.embedded.forks import Child, Forks
from chaos.embedded.store import BUILT_IN

__all__ = ["TOKEN", "Owner", "Relay", "background", "replica", "together", "until"]

TOKEN = "secret"


class Relay:
    """Passes bytes both ways until cut; takes new connections after it. While it ``swallows``, bytes vanish."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open: list[asyncio.StreamWriter] = []
        self.taken = 0
        self.port = 0
        self.swallows: frozenset[str] = frozenset()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Relay]:
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._open += [writer, far_writer]
        with suppress(OSError):
            await asyncio.gather(self._copy("up", reader, far_writer), self._copy("down", far_reader, writer))

    async def _copy(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if way not in self.swallows:
                writer.write(data)
                await writer.drain()
        if way not in self.swallows:
            writer.transport.abort()


async def until(condition: Any, seconds: float = 20) -> None:
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is any at all
            await anyio.sleep(0.005)


@asynccontextmanager
async def background(*coroutines: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run them side by side; the first that fails ends all."""
    async with asyncio.TaskGroup() as tasks:
        for coroutine in coroutines:
            tasks.create_task(coroutine)


class Owner:
    """Notes what a link says."""

    def __init__(self) -> None:
        self.ups = self.idles = self.losses = self.broken = 0
        self.heads: list[dict[str, Any]] = []
        self.body = b""
        self.answers: list[bytes] = []

    @property
    def ends(self) -> int:
        return len(self.answers)

    def link_up(self, replica: int) -> None:
        self.ups += 1

    def link_idle(self, replica: int) -> None:
        self.idles += 1

    def link_lost(self, replica: int) -> None:
        self.losses += 1

    def answer_head(self, replica: int, header: dict[str, Any], length: int) -> None:
        self.heads.append(header)
        self.body = b""

    def answer_body(self, replica: int, chunk: bytes) -> None:
        self.body += chunk

    def answer_end(self, replica: int) -> None:
        self.answers.append(self.body)

    def answer_broken(self, replica: int) -> None:
        self.broken += 1


@asynccontextmanager
async def replica(package: str, crossed: bool = False) -> AsyncIterator[tuple[Forks, Child]]:
    forks = Forks(TOKEN, 512 << 20, "", subprocess.DEVNULL, crossed=crossed)
    async with background(forks.run()):
        child = await forks.spawn("m", str(BUILT_IN / package))
        with anyio.fail_after(20):
            await child.ready
        yield forks, child
