"""One direction of a proxied connection: bytes from one socket to the other, at once or as toxics say.

Without toxics a chunk is read into one shared buffer and sent on in the same callback: two system calls, no copy, no
queue. What the other side does not take is kept, and no more is read until it is gone (back-pressure). With toxics
each chunk passes their stages, which say when it leaves; it waits in a queue of bounded size.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from chaos.proxy.resets import unsent
from chaos.proxy.stages import CLOSE, EOF, RESET, WHOLE, Discard, Piece, Stage

__all__ = ["BUFFER", "Flow", "FlowOwner"]

BUFFER = 256 * 1024
"""Bytes read at once, into a buffer that all connections share."""

SLICE = 32 * 1024
"""The same where there are toxics."""

PIECE = 128
"""Bytes that a piece in the queue takes beside its own."""

_buffer = bytearray(BUFFER)
_view = memoryview(_buffer)
_slice = _view[:SLICE]
UNSENT_SECONDS = 1.0
"""How long a reset waits for what was sent before it to arrive."""

TICK_SECONDS = 0.002


class FlowOwner(Protocol):
    """The connection that a flow is one direction of."""

    def flow_ended(self) -> None:
        """All was passed on, the end included."""

    def finish(self) -> None:
        """It is to be closed at both ends."""

    def reset(self) -> None:
        """It is to end with a reset, at both ends."""


class Flow:
    """Passes on what ``source`` sends to ``sink``. Both are non-blocking; :meth:`close` before they are closed."""

    __slots__ = (
        "_add_reader", "_add_writer", "_alarms", "_draining", "_into", "_limit", "_loop", "_over", "_owner", "_queue",
        "_queued", "_read_fd", "_reading", "_receive", "_remove_reader", "_remove_writer", "_rest", "_send", "_sink",
        "_stages", "_timer", "_write_fd", "closed", "ended",
    )  # fmt: skip

    def __init__(
        self, source: socket.socket, sink: socket.socket, owner: FlowOwner, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._receive = source.recv_into
        self._send = sink.send
        self._sink = sink
        self._read_fd, self._write_fd = source.fileno(), sink.fileno()
        self._owner = owner
        self._loop = loop
        self._add_reader, self._remove_reader = loop.add_reader, loop.remove_reader
        self._add_writer, self._remove_writer = loop.add_writer, loop.remove_writer
        self._stages: list[Stage] = []
        self._into: bytearray | memoryview = _buffer
        self._limit = BUFFER
        self._alarms: list[asyncio.TimerHandle] = []
        self._queue: deque[Piece] = deque()
        self._queued = 0
        self._rest: memoryview | bytes = b""
        self._timer: asyncio.TimerHandle | None = None
        self._reading = False
        self._draining = False
        self._over = False
        self.ended = False
        """Whether all was passed on, the end included."""
        self.closed = False

    def start(self) -> None:
        """Begin to read."""
        if not self._reading and not self.closed:
            self._reading = True
            self._add_reader(self._read_fd, self._readable)

    def close(self) -> None:
        """Stop for good. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._pause()
        self._forget()
        for alarm in self._alarms:
            alarm.cancel()

    def set_stages(self, stages: Sequence[Stage]) -> None:
        """Pass through these from now on, in order. If one has gone, what waits is let go at once."""
        now = self._loop.time()
        if any(stage not in stages for stage in self._stages):
            self._queue = deque((min(due, now), data) for due, data in self._queue)
        self._stages = list(stages)
        self._into = _slice if stages else _buffer
        slowest = min((stage.rate for stage in stages if stage.rate), default=0.0)
        under_way = slowest * sum(stage.seconds for stage in stages)  # a long link is not to be a narrow one
        self._limit = min(WHOLE, int(under_way) + min((stage.holds for stage in stages), default=BUFFER))
        for stage in stages:
            alarm = stage.alarm(now)
            if alarm is not None:
                self._alarms.append(self._loop.call_at(alarm, self._ring, stage))
        self._flush()

    def discard(self) -> None:
        """Lose what waits and all that still comes, and tell the sink that nothing will."""
        self._forget()
        self._stages = [Discard()]
        self.ended = self._over
        with suppress(OSError):  # it is closed already
            self._sink.shutdown(socket.SHUT_WR)
        self._resume()

    def inject(self, data: bytes) -> None:
        """Send this to the sink, after what waits; for answers that a stage gives in the target's place."""
        if not self.closed:
            self._enqueue([(self._loop.time(), data)])
            self._flush()

    def _readable(self) -> None:
        try:
            count = self._receive(self._into)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._broken()
            return
        if self._stages or self._queue or count == 0:
            self._take(count)
            return
        try:
            sent = self._send(_view[:count])
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._owner.reset()
            return
        if sent < count:
            self._keep(bytes(_view[sent:count]))

    def _take(self, count: int) -> None:
        """A chunk for the stages, or the end of the stream."""
        now = self._loop.time()
        pieces: list[Piece] = [(now, bytes(_view[:count]) if count else EOF)]
        if count == 0:
            self._over = True
            self._pause()
        for stage in self._stages:
            pieces = [out for due, data in pieces for out in stage.take(due, data)]
        self._enqueue(pieces)
        self._flush()
        if self._queued > self._limit:
            self._pause()

    def _enqueue(self, pieces: list[Piece]) -> None:
        for due, data in pieces:
            last = self._queue[-1][0] if self._queue else due
            self._queue.append((max(due, last), data))
            self._queued += len(data) + PIECE

    def _flush(self) -> None:
        """Send what is due, as far as the sink takes it."""
        if self.closed or self._draining:
            return
        now = self._loop.time()
        while self._queue and self._queue[0][0] <= now and not self._draining:
            _due, data = self._queue.popleft()
            self._queued -= len(data) + PIECE
            if data is EOF:
                self._end()
                return
            if data is CLOSE:
                self._owner.finish()
                return
            if data is RESET:
                self._queue.clear()
                self._reset(now + UNSENT_SECONDS)
                return
            try:
                sent = self._send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self._owner.reset()
                return
            if sent < len(data):
                self._keep(memoryview(data)[sent:])
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._queue and not self._draining:
            self._timer = self._loop.call_at(self._queue[0][0], self._flush)
        if not self._draining and self._queued <= self._limit - SLICE:
            self._resume()

    def _keep(self, rest: memoryview | bytes) -> None:
        """The sink is full: read no more until it has taken this."""
        self._rest = rest
        self._pause()
        self._draining = True
        self._add_writer(self._write_fd, self._writable)

    def _writable(self) -> None:
        try:
            sent = self._send(self._rest)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._owner.reset()
            return
        self._rest = self._rest[sent:]
        if not self._rest:
            self._draining = False
            self._remove_writer(self._write_fd)
            self._flush()

    def _reset(self, until: float) -> None:
        """Reset, but not before what was sent has arrived, since a reset takes it back; nor wait for long."""
        if self.closed:
            return
        self._pause()
        if self._loop.time() < until and unsent(self._sink):
            self._alarms.append(self._loop.call_later(TICK_SECONDS, self._reset, until))
        else:
            self._owner.reset()

    def _broken(self) -> None:
        """The source was reset: so is the sink, unless nobody is to be told."""
        if any(stage.hides for stage in self._stages):
            self._over = True
            self._pause()
        else:
            self._owner.reset()

    def _end(self) -> None:
        self.ended = True
        with suppress(OSError):  # it is closed already
            self._sink.shutdown(socket.SHUT_WR)
        self._owner.flow_ended()

    def _ring(self, stage: Stage) -> None:
        """The instant that a stage asked for has come."""
        if self.closed or stage not in self._stages:
            return
        self._enqueue([(self._loop.time(), data) for data in stage.rung()])
        self._flush()

    def _forget(self) -> None:
        """Lose what waits."""
        if self._draining:
            self._draining = False
            self._remove_writer(self._write_fd)
        if self._timer is not None:
            self._timer.cancel()
        self._queue.clear()
        self._queued, self._rest = 0, b""

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._remove_reader(self._read_fd)

    def _resume(self) -> None:
        if not self._reading and not self._over:
            self.start()
