"""The proxy's HTTP/1.1 server: a protocol on httptools that streams answers and never waits for one client.

A request is handed on when its body is complete (as its pieces, never joined); an answer is sent in pieces
under back-pressure. Requests on one connection are answered one after the other.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import ClassVar, cast

import httptools

from chaos.embedded.exchange import REASONS, Exchange

__all__ = ["Connection", "ParkedConnection"]

HEAD_LIMIT = 64 * 1024
HIGH_WATER = 256 * 1024
LINGER_SECONDS = 2.0
THREADS = 4
"""How many connections the defective server reads from."""


class Connection(asyncio.Protocol):
    """One client connection.

    :param handle: called with each complete request
    :param limit: the largest request body in bytes; a larger one is answered 413
    """

    def __init__(self, handle: Callable[[Exchange], None], limit: int, connections: set[Connection]) -> None:
        self._handle = handle
        self._limit = limit
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._reading: Exchange | None = None
        self._head_size = 0
        self._active: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._discarding = False
        self.paused = False

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._active is not None

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None
        self._waiting.clear()
        if self._active is not None:
            self._active.gone()
            self._active = None

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            return
        try:
            self._head_size += len(data)
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400)
            return
        if self._reading is not None and not self._reading.body and self._head_size > HEAD_LIMIT:
            self._refuse(431)
        elif self._waiting and self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self.paused = True
        if self._active is not None and self._active.on_flow is not None:
            self._active.on_flow(True)

    def resume_writing(self) -> None:
        self.paused = False
        if self._active is not None and self._active.on_flow is not None:
            self._active.on_flow(False)

    # what httptools calls

    def on_message_begin(self) -> None:
        self._reading = Exchange(self)

    def on_url(self, url: bytes) -> None:
        assert self._reading is not None  # noqa: S101
        self._reading.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._reading is not None  # noqa: S101
        self._reading.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        exchange = self._reading
        assert exchange is not None  # noqa: S101
        exchange.method = self._parser.get_method().decode("latin-1")
        exchange.keep_alive = self._parser.should_keep_alive()
        exchange.chunks = self._parser.get_http_version() != "1.0"
        length = exchange.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._limit:
            self._refuse(413)
        elif exchange.headers.get("expect", "").lower() == "100-continue" and not self._active:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        exchange = self._reading
        if exchange is None or self._discarding:
            return
        exchange.size += len(chunk)
        if exchange.size > self._limit:
            self._refuse(413)
        else:
            exchange.body.append(chunk)

    def on_message_complete(self) -> None:
        exchange, self._reading = self._reading, None
        self._head_size = 0
        if exchange is None or self._discarding:
            return
        if self._active is None:
            self._start(exchange)
        else:
            self._waiting.append(exchange)

    # what an exchange calls

    def write(self, data: bytes) -> None:
        """Send on, if the client is still there."""
        if self._transport is not None:
            self._transport.write(data)

    def finished(self, exchange: Exchange) -> None:
        """The active exchange has been answered; go on to the next one, or close."""
        self._active = None
        if self._transport is None:
            return
        if not exchange.keep_alive:
            self._transport.close()
        elif self._waiting:
            # not from here: a client that sends many requests at once must not deepen the stack
            asyncio.get_running_loop().call_soon(self._next)

    def cut(self, reset: bool) -> None:
        """Close in the middle of an answer, after what was sent or by a ``reset`` at once."""
        self._active = None
        transport = self._transport
        if transport is None:
            return
        if reset:
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        else:
            transport.close()
            asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.abort)

    def close(self) -> None:
        """Close when what was written has been sent."""
        if self._transport is not None:
            self._transport.close()

    def _next(self) -> None:
        if self._transport is None or self._active is not None or not self._waiting:
            return
        exchange = self._waiting.popleft()
        if not self._waiting and not self._discarding:
            self._transport.resume_reading()
        self._start(exchange)

    def _start(self, exchange: Exchange) -> None:
        self._active = exchange
        self._handle(exchange)

    def _refuse(self, status: int) -> None:
        """Answer, then let the client finish sending for a moment: closing on unread data would lose the answer."""
        self._discarding = True
        self._reading = None
        transport = self._transport
        if transport is None:
            return
        if self._active is not None:
            transport.abort()  # an answer in progress: nothing can be said in between
            return
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        transport.write(head.encode())
        transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.abort)


class ParkedConnection(Connection):
    """The defect ``connections_beyond_wait``: one of more than there are threads is not read until another closes."""

    _parked: ClassVar[dict[ParkedConnection, list[bytes]]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._connections) > THREADS:
            self._parked[self] = []

    def data_received(self, data: bytes) -> None:
        if self in self._parked:
            self._parked[self].append(data)
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._parked.pop(self, None) is None and self._parked:
            following = next(iter(self._parked))
            for data in self._parked.pop(following):
                following.data_received(data)
