"""The proxy's TCP link to one replica: connects, says the token, carries one request at a time, and reconnects.

What is with the replica when the link breaks is given back to the owner and never sent again: the handler
may have seen it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Protocol, cast

from chaos.embedded.wire import FrameReader, WireError, encode_head

__all__ = ["LinkOwner", "ReplicaLink"]

CONNECT_SECONDS = 5.0
JOINED = 16 * 1024
RETRY_FIRST, RETRY_LAST = 0.005, 0.5


class LinkOwner(Protocol):
    """Who is told what happens on a link; ``replica`` is the link's number."""

    def link_up(self, replica: int) -> None:
        """The link stands, the replica is idle."""

    def link_lost(self, replica: int) -> None:
        """The link broke after it stood."""

    def answer_head(self, replica: int, header: dict[str, Any], length: int) -> None:
        """The answer begins."""

    def answer_body(self, replica: int, chunk: bytes) -> None:
        """A piece of the answer."""

    def answer_end(self, replica: int) -> None:
        """The answer is complete, the replica is idle."""


class _Wire(asyncio.Protocol):
    """One connection of a link."""

    def __init__(self, link: ReplicaLink) -> None:
        self._link = link
        self._reader = FrameReader(self)
        self._hello = True
        self._pieces: Iterator[bytes] = iter(())
        self._paused = False
        loop = asyncio.get_running_loop()
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if not self.lost.done():
            self.lost.set_result(None)
        self._link.wire_lost(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
        except WireError:
            if self.transport is not None:
                self.transport.abort()

    def send(self, head: bytes, body: list[bytes]) -> None:
        """Write a frame, its body only as fast as the replica takes it."""
        if self.transport is None:
            return  # just lost: the owner hears of it by that
        if body and len(body[0]) <= JOINED:
            head, body = head + body[0], body[1:]  # one packet, one wake-up of the replica
        self.transport.write(head)
        self._pieces = iter(body)
        self._pump()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _pump(self) -> None:
        while not self._paused and self.transport is not None:
            piece = next(self._pieces, None)
            if piece is None:
                return
            self.transport.write(piece)

    def frame_head(self, header: dict[str, Any], length: int) -> None:
        if not self._hello:
            self._link.owner.answer_head(self._link.id, header, length)

    def frame_body(self, chunk: bytes) -> None:
        if not self._hello:
            self._link.owner.answer_body(self._link.id, chunk)

    def frame_end(self) -> None:
        if not self._hello:
            self._link.owner.answer_end(self._link.id)
        else:
            self._hello = False
            if not self.greeted.done():
                self.greeted.set_result(None)


class ReplicaLink:
    """The link to the replica that listens on a loopback ``port``."""

    def __init__(self, owner: LinkOwner, replica: int, port: int, token: str) -> None:
        self.owner = owner
        self.id = replica
        self.port = port
        self._token = token
        self._wire: _Wire | None = None

    @property
    def up(self) -> bool:
        """Whether the link stands."""
        return self._wire is not None

    async def keep(self) -> None:
        """Connect and, whenever the link breaks, connect again, until cancelled."""
        loop = asyncio.get_running_loop()
        delay = RETRY_FIRST
        while True:
            wire = _Wire(self)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await loop.create_connection(lambda wire=wire: wire, "127.0.0.1", self.port)  # type: ignore[misc]
                    wire.send(encode_head({"token": self._token}, 0), [])
                    await asyncio.wait([wire.greeted, wire.lost], return_when=asyncio.FIRST_COMPLETED)
                if wire.greeted.done() and not wire.lost.done():
                    self._wire = wire
                    delay = RETRY_FIRST
                    self.owner.link_up(self.id)
                    await wire.lost
            except (OSError, TimeoutError):
                pass  # nothing listens there (any more); the manager takes the route away if it is dead
            finally:
                if wire.transport is not None:
                    wire.transport.abort()
            await asyncio.sleep(delay)
            delay = min(2 * delay, RETRY_LAST)

    def send(self, header: dict[str, Any], body: list[bytes], length: int) -> None:
        """Send a request of ``length`` bytes in pieces. The link must stand."""
        if self._wire is None:
            raise RuntimeError("only a link that stands may be given a request")
        self._wire.send(encode_head(header, length), body)

    def pause(self) -> None:
        """Take no more of the answer for now."""
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.pause_reading()

    def resume(self) -> None:
        """Take the answer again."""
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.resume_reading()

    def cut(self) -> None:
        """Break the link."""
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.abort()

    def forget(self) -> None:
        """Break the link for good, without a word to the owner. Cancel :meth:`keep` as well."""
        wire, self._wire = self._wire, None
        if wire is not None and wire.transport is not None:
            wire.transport.abort()

    def wire_lost(self, wire: _Wire) -> None:
        """A connection ended; tell the owner if it was the one in use."""
        if wire is self._wire:
            self._wire = None
            self.owner.link_lost(self.id)
