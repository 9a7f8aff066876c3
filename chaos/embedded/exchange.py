"""One HTTP request and its answer, as those see it who answer: no sockets here, only whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

__all__ = ["JSON", "REASONS", "Exchange", "Sender"]

JSON = "application/json"
JOINED = 16 * 1024
"""An answer's first piece up to this size is sent together with its head."""

REASONS = {status.value: status.phrase for status in HTTPStatus}


class Sender(Protocol):
    """The connection that an answer goes to."""

    paused: bool

    def write(self, data: bytes) -> None:
        """Send on, if the client is still there."""

    def finished(self, exchange: Exchange) -> None:
        """The exchange has been answered."""

    def cut(self, reset: bool) -> None:
        """Close in the middle of an answer, after what was sent or by a ``reset`` at once."""


class Exchange:
    """One request and its answer: either :meth:`respond`, or :meth:`begin`, :meth:`send`…, :meth:`end`.

    ``on_gone`` is called once if the client leaves before the end; ``on_flow`` with True when no more should be
    sent for now, with False when it should go on. Sending to a client that left does nothing. A client that does not
    know ``chunks`` (HTTP/1.0) gets an answer of unknown length until the connection closes.
    """

    __slots__ = (
        "_chunked",
        "_connection",
        "_head",
        "_sized",
        "alive",
        "body",
        "chunks",
        "headers",
        "keep_alive",
        "method",
        "on_flow",
        "on_gone",
        "size",
        "url",
    )

    def __init__(self, connection: Sender) -> None:
        self._connection = connection
        self._head = b""
        self._chunked = self._sized = False
        self.method = ""
        self.url = b""
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self.size = 0
        self.keep_alive = True
        self.chunks = True
        self.alive = True
        self.on_gone: Callable[[], None] | None = None
        self.on_flow: Callable[[bool], None] | None = None

    @property
    def paused(self) -> bool:
        """Whether the client reads more slowly than it is sent to."""
        return self.alive and self._connection.paused

    def respond(self, status: int, body: bytes = b"", content_type: str = JSON) -> None:
        """The whole answer at once."""
        self.begin(status, len(body), content_type)
        self.send(body)
        self.end()

    def begin(self, status: int, length: int | None, content_type: str) -> None:
        """The answer's head; ``length`` bytes of body follow, or nobody knows how many: each piece is sent at once."""
        if not self.alive:
            return
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, '')}"]
        if length is not None:
            self._sized = True
            lines.append(f"content-length: {length}")
        elif self.chunks:
            self._chunked = True
            lines.append("transfer-encoding: chunked")
        else:
            self.keep_alive = False
        if length != 0:
            lines.append(f"content-type: {_clean(content_type)}")
        if not self.keep_alive:
            lines.append("connection: close")
        self._head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def send(self, chunk: bytes) -> None:
        """A piece of the body."""
        if not self.alive or not chunk or self.method == "HEAD":
            return
        if self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(chunk), chunk)
        if self._head and len(chunk) <= JOINED:
            chunk = self._take_head() + chunk  # one packet, one wake-up of the client
        elif self._head:
            self._connection.write(self._take_head())
        self._connection.write(chunk)

    def end(self) -> None:
        """The answer is complete."""
        if self.alive:
            if self._head:
                self._connection.write(self._take_head())
            if self._chunked and self.method != "HEAD":
                self._connection.write(b"0\r\n\r\n")
            self.alive = False
            self._connection.finished(self)

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def abort(self) -> None:
        """The answer cannot be completed: cut the connection, so that the client sees it.

        What was sent still arrives, but to a client that does not read, or for which a close would be the end.
        """
        if self.alive:
            if self._head:
                self._connection.write(self._take_head())
            self.alive = False
            self._connection.cut(self._connection.paused or not (self._chunked or self._sized))

    def gone(self) -> None:
        """The client left."""
        if self.alive:
            self.alive = False
            if self.on_gone is not None:
                self.on_gone()


def _clean(value: str) -> str:
    """A header value from a handler, which must not be able to write headers of its own."""
    return "".join(character for character in value if character.isprintable())
