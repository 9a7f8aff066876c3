"""One HTTP/1.1 request on a connection of its own, sent up to its last two bytes, and the answer to it.

The two bytes are kept, encrypted already where the server speaks TLS, for who sends them at an instant of his choice.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from typing import Any

import anyio
import anyio.lowlevel
import httptools
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream

from chaos.traffic.spec import HttpRequest
from chaos.traffic.template import NONCE_DIGITS, RequestTemplate

__all__ = ["LOST", "HeldRequest", "Reply"]

BODY_BYTES = 65536
"""How much of an answer's body is kept."""
READ_BYTES = 65536

LOST = (
    OSError,
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    httptools.HttpParserError,
    httptools.HttpParserUpgrade,
)
"""What :meth:`HeldRequest.receive` and :meth:`Reply.feed` raise when there will be no whole answer."""


class HeldRequest:
    """A request that :meth:`arm` brings to its last two bytes: ``before_last`` and ``last``, as they go on the wire.

    :raises ValueError: if the request cannot be put on the wire
    """

    def __init__(self, request: HttpRequest) -> None:
        self.url = request.url
        self.error = ""
        """Why it could not be brought there, in words for a user."""
        self.before_last = self.last = b""
        self._template = RequestTemplate(request)
        self._socket: _Socket | None = None
        self._stream: ByteStream | None = None

    @property
    def fileno(self) -> int:
        """Of the socket, once armed."""
        assert self._socket is not None, "arm() comes first"  # noqa: S101
        return self._socket.raw.fileno()

    async def arm(self, seconds: float) -> None:
        """Connect, and send all but the last two bytes. What goes wrong is in ``error``."""
        content = (b"0" * NONCE_DIGITS).join(self._template.parts)
        try:
            with anyio.fail_after(max(0.0, seconds)):
                stream = await self._connect()
                await stream.send(content[:-2])
                assert self._socket is not None  # noqa: S101
                self.before_last = await self._socket.kept(stream, content[-2:-1])
                self.last = await self._socket.kept(stream, content[-1:])
        except TimeoutError:
            self.error = (
                f"{self.url}: no connection within {seconds:.1f} s (is the server overloaded or hung?)"
            )
        except LOST as error:
            self.error = f"{self.url}: {_reason(error)} (is the server running there?)"

    async def receive(self, size: int = READ_BYTES) -> bytes:
        """The next bytes of the answer, at most so many."""
        assert self._stream is not None, "arm() comes first"  # noqa: S101
        return await self._stream.receive(size)

    def close(self) -> None:
        """Let go of the connection at once, read or not. Idempotent."""
        if self._socket is not None:
            self._socket.raw.close()

    async def _connect(self) -> ByteStream:
        template = self._template
        found = await anyio.getaddrinfo(template.host, template.port, type=socket.SOCK_STREAM)
        for index, (family, kind, protocol, _, address) in enumerate(found, 1):
            connection = self._socket = _Socket(socket.socket(family, kind, protocol))
            try:
                connection.raw.setblocking(False)
                connection.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await asyncio.get_running_loop().sock_connect(connection.raw, address)
            except OSError:
                connection.raw.close()
                if index == len(found):
                    raise
                continue
            break
        self._stream = connection
        if template.tls is not None:
            self._stream = await TLSStream.wrap(
                connection, hostname=template.host, ssl_context=template.tls, standard_compatible=False
            )
        return self._stream


class Reply:
    """An answer as it comes in. Interim ones (1xx) are passed over; ``body`` has its beginning."""

    def __init__(self) -> None:
        self.status = 0
        self.body = bytearray()
        self.complete = False
        self._framed = self._headers_done = False
        self._parser: Any = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take what was received.

        :raises httptools.HttpParserError: if it is not HTTP
        """
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.complete:  # what follows a whole answer is nobody's
                raise

    def closed(self) -> None:
        """The server closed the connection, which is how some answers end."""
        self.complete = self.complete or (self._headers_done and not self._framed)

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Nothing is known of it yet."""
        self._framed = self._headers_done = False

    def on_header(self, name: bytes, _value: bytes) -> None:
        """Whether the answer says where it ends."""
        self._framed = self._framed or name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        """The status is that of the first answer that is not an interim one."""
        if not self.complete:
            self.status = self._parser.get_status_code()
            self._headers_done = self.status >= 200

    def on_body(self, chunk: bytes) -> None:
        """Keep the beginning."""
        if not self.complete:
            self.body += chunk[: BODY_BYTES - len(self.body)]

    def on_message_complete(self) -> None:
        """An interim answer completes nothing."""
        self.complete = self.complete or self.status >= 200


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno in errno.errorcode:
        return os.strerror(
            error.errno or 0
        ).lower()  # what asyncio says in its place is longer, and says less
    return str(error) or type(error).__name__


class _Socket(ByteStream):
    """A non-blocking socket as a stream, so that TLS can be laid over it."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self._kept: list[bytes] | None = None

    async def kept(self, stream: ByteStream, content: bytes) -> bytes:
        """What sending ``content`` over ``stream``, which ends here, would put on the wire."""
        self._kept = []
        try:
            await stream.send(content)
            return b"".join(self._kept)
        finally:
            self._kept = None

    async def send(self, item: bytes) -> None:
        if self._kept is not None:
            self._kept.append(bytes(item))
            return
        view = memoryview(item)
        while view:
            try:
                view = view[self.raw.send(view) :]
            except BlockingIOError:
                await anyio.wait_writable(self.raw)

    async def receive(self, max_bytes: int = READ_BYTES) -> bytes:
        await anyio.lowlevel.checkpoint()
        while True:
            try:
                received = self.raw.recv(max_bytes)
            except BlockingIOError:
                await anyio.wait_readable(self.raw)
                continue
            if not received:
                raise anyio.EndOfStream
            return received

    async def send_eof(self) -> None:
        self.raw.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        self.raw.close()
