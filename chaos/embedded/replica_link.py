"""The proxy's TCP link to one replica: connects, says the token, carries a request or batch at a time, reconnects.

What is with the replica when the link breaks is given back to the owner and never sent again: the handler
may have seen it. A link that is cut without a word is noticed by its beats (see :mod:`chaos.embedded.pulse`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast

from chaos.embedded.pulse import DIAL_SECONDS, GREETING_SECONDS, RETRY_FIRST, RETRY_LAST, Pulse
from chaos.embedded.wire import FrameReader, Signal, WireError, encode_head

__all__ = ["LinkOwner", "ReplicaLink", "Request"]

Request = tuple[dict[str, Any], list[bytes], int]
"""Header, body in pieces, and the body's length in bytes."""

JOINED = 16 * 1024
_BEAT = Signal.BEAT.frame


class LinkOwner(Protocol):
    """Who is told what happens on a link; ``replica`` is the link's number."""

    def link_up(self, replica: int) -> None:
        """The link stands."""

    def link_idle(self, replica: int) -> None:
        """The link stands, and the replica is idle: said once after each :meth:`link_up`, maybe later."""

    def link_lost(self, replica: int) -> None:
        """The link broke after it stood."""

    def answer_head(self, replica: int, header: dict[str, Any], length: int) -> None:
        """The answer begins; ``length`` may be :data:`~chaos.embedded.wire.STREAM`."""

    def answer_body(self, replica: int, chunk: bytes) -> None:
        """A piece of the answer."""

    def answer_end(self, replica: int) -> None:
        """The answer is complete, the replica is idle."""

    def answer_broken(self, replica: int) -> None:
        """The answer, a stream, will never be complete; the replica is idle."""


class _Wire(asyncio.Protocol):
    """One connection of a link."""

    def __init__(self, link: ReplicaLink) -> None:
        self._link = link
        self._reader = FrameReader(self)
        self._hello = True
        self._pieces: Iterator[bytes] | None = None
        self._paused = False
        self.idle = False
        self.pulse = Pulse()
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
        self.pulse.silent = 0
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

    def beat(self) -> None:
        """Ask whether the replica is there, or give the connection up if it did not answer for too long."""
        if self.transport is None or not self.transport.is_reading():
            self.pulse.silent = 0  # it is we who do not listen
        elif self.pulse.lost():
            self.transport.abort()
        elif self._pieces is None:  # not into a body; while it gets one, the replica beats by itself
            self.transport.write(_BEAT)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _pump(self) -> None:
        while self._pieces is not None and not self._paused and self.transport is not None:
            piece = next(self._pieces, None)
            if piece is None:
                self._pieces = None
            else:
                self.transport.write(piece)

    def frame_head(self, header: dict[str, Any], length: int) -> None:
        if self._hello:
            self.idle = not header.get("busy")
        else:
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

    def frame_signal(self, signal: Signal) -> None:
        match signal:
            case Signal.BROKEN:
                self._link.owner.answer_broken(self._link.id)
            case Signal.IDLE:
                self.idle = True
                self._link.wire_idle(self)
            case Signal.BEAT:
                pass  # that it came is all that it says


class ReplicaLink:
    """The link to the replica that listens on a loopback ``port``.

    :param again: whether a link that broke is made again
    """

    def __init__(self, owner: LinkOwner, replica: int, port: int, token: str, again: bool = True) -> None:
        self.owner = owner
        self.id = replica
        self.port = port
        self._token = token
        self._again = again
        self._wire: _Wire | None = None
        self.since = time.monotonic()
        """When it last came to stand, or broke."""

    @property
    def up(self) -> bool:
        """Whether the link stands."""
        return self._wire is not None

    async def keep(self) -> None:
        """Connect and, whenever the link breaks, connect again, until cancelled."""
        delay = RETRY_FIRST
        while True:
            wire = _Wire(self)
            try:
                await self._dial(wire)
                if wire.greeted.done() and not wire.lost.done():
                    delay = RETRY_FIRST
                    self._wire, self.since = wire, time.monotonic()
                    self.owner.link_up(self.id)
                    if wire.idle:
                        self.owner.link_idle(self.id)
                    await wire.lost
                    if not self._again:
                        return
            except (OSError, TimeoutError):
                pass  # nothing listens there (any more); the manager takes the route away if it is dead
            finally:
                if wire.transport is not None:
                    wire.transport.abort()
            await asyncio.sleep(delay)
            delay = min(2 * delay, RETRY_LAST)

    async def _dial(self, wire: _Wire) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(DIAL_SECONDS):
            await loop.create_connection(lambda: wire, "127.0.0.1", self.port)
        wire.send(encode_head({"token": self._token}, 0), [])
        async with asyncio.timeout(GREETING_SECONDS):
            await asyncio.wait([wire.greeted, wire.lost], return_when=asyncio.FIRST_COMPLETED)

    def beat(self) -> None:
        """Call each :data:`~chaos.embedded.pulse.BEAT_SECONDS`: notices a link that was cut without a word."""
        if self._wire is not None:
            self._wire.beat()

    def send(self, requests: Sequence[Request]) -> None:
        """Send a request, or a batch of them: as many answers come, in that order. The link must stand."""
        if self._wire is None:
            raise RuntimeError("only a link that stands may be given a request")
        header, body, length = requests[0]
        if len(requests) == 1:
            self._wire.send(encode_head(header, length), body)
            return
        pieces: list[bytes] = []
        for more, (header, body, length) in zip(reversed(range(len(requests))), requests, strict=True):
            pieces += [encode_head({**header, "more": more}, length), *body]
        if sum(map(len, pieces)) <= JOINED:
            pieces = [b"".join(pieces)]
        self._wire.send(pieces[0], pieces[1:])

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

    def wire_idle(self, wire: _Wire) -> None:
        """The replica has become idle; before the link is said to stand, that is said with it."""
        if wire is self._wire:
            self.owner.link_idle(self.id)

    def wire_lost(self, wire: _Wire) -> None:
        """A connection ended; tell the owner if it was the one in use."""
        if wire is self._wire:
            self._wire, self.since = None, time.monotonic()
            self.owner.link_lost(self.id)
