"""One HTTP/1.1 connection: it carries one request after another and says how each of them ended.

What counts as what (:class:`chaos.traffic.spec.Outcome`):

- lost before any byte of the answer: ``RESET``, by a clean close as well as by a reset
- lost within the answer: ``TRUNCATED``, unless the answer was of the kind that a close ends
- an answer that is not HTTP or whose headers have no end within a mebibyte, a status that is neither
  2xx, 4xx nor 5xx, and a right answer (2xx, or what was expected in its place) without the nonce that was sent:
  ``WRONG``

A request is never sent twice. A server that dies of a request and one that closed a kept connection
a moment before look the same from here, so a retry could hide the very failure that is being looked
for. A connection that the server has closed, or on which it has said anything, while it was idle is
found out by :meth:`Connection.usable` before it is used again; what remains is a close that crosses
the request on the wire, and that counts as ``RESET``.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import select
import time
from typing import Any, Protocol, cast

import httptools

from chaos.traffic.spec import Outcome

__all__ = ["Connection", "ConnectionOwner"]

_monotonic = time.monotonic
_NEVER = math.inf
_OK = Outcome.OK  # looking a member up in an Enum costs as much as a call
_CLASSES = {2: Outcome.OK, 4: Outcome.HTTP_4XX, 5: Outcome.HTTP_5XX}
_LONGEST_HEAD = 1024 * 1024
_LIVELY_SECONDS = 0.0005
_GONE = select.POLLIN | select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


class ConnectionOwner(Protocol):
    """Whom a connection tells what happens to it. Called from the event loop, never from ``begin``."""

    received: int
    """Bytes received, added to by its connections."""

    def finished(self, connection: Connection, outcome: Outcome, now: float, keep: bool) -> None:
        """The request has ended; the connection can carry another one if ``keep``."""

    def lost(self, connection: Connection) -> None:
        """An idle connection is gone."""


class Connection(asyncio.Protocol):
    """A client connection, before it is made, while a request is on it, and while it is idle.

    ``intended``, ``started`` and ``deadline`` are instants of the monotonic clock and belong to the
    request in flight; ``deadline`` is infinite while there is none. ``parts`` and ``expect`` are those of
    :class:`chaos.traffic.template.RequestTemplate`.
    """

    __slots__ = (
        "_answered",
        "_checked",
        "_complete",
        "_expect",
        "_extra",
        "_feed",
        "_found",
        "_head",
        "_headers_done",
        "_idle_since",
        "_keep",
        "_nonce",
        "_owner",
        "_parser",
        "_parts",
        "_poll",
        "_status",
        "_tail",
        "_transport",
        "_write",
        "closed",
        "connecting",
        "deadline",
        "intended",
        "started",
    )

    def __init__(
        self, owner: ConnectionOwner, parts: list[bytes], expect: frozenset[int] = frozenset()
    ) -> None:
        self._owner = owner
        self._parts = parts
        self._expect = expect
        self._checked = len(parts) > 1
        self._parser: Any = httptools.HttpResponseParser(self)
        self._feed: Any = self._parser.feed_data
        self._transport: asyncio.Transport | None = None
        self._write: Any = None
        self._poll: select.poll | None = None
        self._idle_since = 0.0
        self._nonce = self._tail = b""
        self._answered = self._complete = self._extra = self._found = self._keep = False
        self._headers_done = False
        self._head = b""
        self._status = 0
        self.connecting: asyncio.Task[None] | None = None
        self.closed = False
        self.intended = self.started = 0.0
        self.deadline = _NEVER

    def begin(self, intended: float, started: float, deadline: float, nonce: bytes) -> None:
        """Send a request, now or as soon as the connection is made."""
        self.intended = intended
        self.started = started
        self.deadline = deadline
        self._nonce = nonce
        self._head = self._tail = b""
        self._found = not self._checked
        self._answered = self._complete = self._headers_done = False
        if self._write is not None:
            self._write(nonce.join(self._parts))

    def usable(self, now: float) -> bool:
        """Whether an idle connection can carry a request: open, and with nothing there to be read."""
        if self.closed or self._transport is None or self._transport.is_closing():
            return False
        if now - self._idle_since < _LIVELY_SECONDS:
            return True
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._transport.get_extra_info("socket").fileno(), _GONE)
        return not self._poll.poll(0)

    def drop(self) -> None:
        """Close at once, whatever is in flight; nothing more is told to the owner. Idempotent."""
        self.closed = True
        self.deadline = _NEVER
        self._write = None
        if self._transport is not None:
            self._transport.abort()
        elif self.connecting is not None:
            self.connecting.cancel()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what waited for the connection."""
        # uvloop's transports do not inherit from asyncio's, so there is nothing to check at run time.
        self._transport = cast(asyncio.Transport, transport)
        if self.closed:
            self._transport.abort()
            return
        self._write = self._transport.write
        self._write(self._nonce.join(self._parts))

    def data_received(self, data: bytes) -> None:
        """Feed the parser; the request is ended only after it has returned, so that it is never re-entered."""
        owner = self._owner
        owner.received += len(data)
        if self.deadline == _NEVER:
            if not self.closed:
                self.drop()  # an answer to nothing: whatever comes next could be taken for another's
                owner.lost(self)
            return
        self._answered = True
        if not self._headers_done:
            self._head += data  # no copy: the first chunk is all there is, as a rule
        try:
            self._feed(data)
        except httptools.HttpParserCallbackError:
            raise
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._complete:
                self._end(Outcome.WRONG, False)
                return
            self._extra = True
        if self._complete:
            self._end(self._class(), self._keep and not self._extra)
        elif not self._headers_done and len(self._head) > _LONGEST_HEAD:
            self._end(Outcome.WRONG, False)

    def connection_lost(self, error: Exception | None) -> None:
        """Judge the request that was on it, if any."""
        # The parser holds bound methods of this object: cut the ring, rather than leave it to the collector.
        self._parser = self._feed = self._write = None
        if self.closed:
            return
        self.closed = True
        if self.deadline == _NEVER:
            self._owner.lost(self)
        elif not self._answered:
            self._end(Outcome.RESET, False)
        elif self._headers_done and error is None and _ends_with_close(self._head):
            self._end(self._class(), False)
        else:
            self._end(Outcome.TRUNCATED, False)

    def _class(self) -> Outcome:
        outcome = _CLASSES.get(self._status // 100, Outcome.WRONG)
        if self._expect:
            outcome = _OK if self._status in self._expect else Outcome.WRONG if outcome is _OK else outcome
        return outcome if self._found or outcome is not _OK else Outcome.WRONG

    def _end(self, outcome: Outcome, keep: bool) -> None:
        self.deadline = _NEVER
        now = self._idle_since = _monotonic()
        if not keep:
            self.drop()
        self._owner.finished(self, outcome, now, keep)

    # Called by the parser.

    def on_message_begin(self) -> None:
        """A second answer behind the one that was asked for spoils the connection."""
        if self._complete:
            self._extra = True

    def on_headers_complete(self) -> None:
        """From here on a close may be the proper end of an answer."""
        if not self._complete:
            self._headers_done = True
            self._status = self._parser.get_status_code()

    def on_body(self, chunk: bytes) -> None:
        """Look for the nonce and forget the rest, so that an answer of any size takes no memory."""
        if not self._found:
            chunk = self._tail + chunk
            if self._nonce in chunk:
                self._found = True
            else:
                self._tail = chunk[-len(self._nonce) + 1 :]

    def on_message_complete(self) -> None:
        """Close the books on an answer, unless it was an interim one (1xx), or one too many."""
        if self._extra:
            return
        if self._status < 200:
            self._headers_done = False
            return
        self._complete = True
        self._keep = self._parser.should_keep_alive()


def _ends_with_close(head: bytes) -> bool:
    """Whether the last answer that begins in ``head`` is of the kind that only a close ends.

    Found out when a connection was closed within an answer; asking the parser to hand over every
    header of every answer instead would cost a tenth of the time a request takes.
    """
    framing = _Framing()
    with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        httptools.HttpResponseParser(framing).feed_data(head)
    return not framing.framed


class _Framing:
    def __init__(self) -> None:
        self.framed = False

    def on_message_begin(self) -> None:
        self.framed = False

    def on_header(self, name: bytes, _value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self.framed = True
