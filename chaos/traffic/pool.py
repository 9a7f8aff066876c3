"""The connections of one stream: sends requests over them, opens them as needed, and ends overdue requests.

Idle connections are used last in, first out, as clients in the wild do. One sweep every ten
milliseconds looks for requests past their deadline, so that a request costs no timer of its own.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import ssl
import time
from collections.abc import Callable

from chaos.errors import ChaosError
from chaos.traffic.http1 import Connection
from chaos.traffic.recorder import Recorder
from chaos.traffic.spec import Outcome
from chaos.traffic.template import RequestTemplate

__all__ = ["SWEEP_SECONDS", "Pool"]

SWEEP_SECONDS = 0.01
_LATE_SWEEP = 0.05

_OURS = {
    errno.EMFILE: "this process may open no more files (raise `ulimit -n`)",
    errno.ENFILE: "the system has no file handles left (raise fs.file-max)",
    errno.EADDRNOTAVAIL: "no local address or port is left to connect from "
    "(lower the rate, keep connections alive, or check the target's address)",
    errno.ENOBUFS: "the system has no socket buffers left (lower max_connections)",
    errno.ENOMEM: "the system has no memory left for sockets (lower max_connections)",
}
"""Failures to connect that say nothing about the target: they end the worker instead of counting."""


class Pool:
    """At most ``limit`` connections to one target, each with at most one request in flight.

    :param tasks: where connections are made
    :param timeout: seconds from taking a request up (connecting included) to ``Outcome.TIMEOUT``
    :param label: what makes this stream's nonces differ from those of all others
    """

    def __init__(
        self,
        template: RequestTemplate,
        recorder: Recorder,
        tasks: asyncio.TaskGroup,
        *,
        timeout: float,
        limit: int,
        label: str,
    ) -> None:
        self._template = template
        self._record = recorder.record
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._limit = limit
        self._nonce = int.from_bytes(hashlib.blake2b(label.encode(), digest_size=8).digest())
        self._connections: dict[Connection, None] = {}
        self._idle: dict[Connection, None] = {}
        self._next_sweep = time.monotonic() + SWEEP_SECONDS
        self._skipped_sweep = False
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)
        self.on_free: Callable[[float], None] = _nothing
        """Called, with the time, whenever a request has ended and another one can be sent."""
        self.again = False
        """Whether a request that has ended is followed at once by the next, on the same connection if it is kept."""
        self.received = 0
        self.sent = 0
        self.in_flight = 0

    def send(self, intended: float, now: float) -> bool:
        """Send a request that was meant for ``intended``; False if every connection is taken."""
        idle = self._idle
        while idle:
            connection = idle.popitem()[0]
            if connection.usable(now):
                break
            self._forget(connection)
        else:
            if len(self._connections) >= self._limit:
                return False
            connection = Connection(self, self._template.parts, self._template.expect)
            self._connections[connection] = None
            connection.connecting = self._tasks.create_task(self._connect(connection))
        self.in_flight += 1
        self._begin(connection, intended, now)
        return True

    def close(self) -> None:
        """Drop every connection and sweep no more; requests in flight stay counted as such. Idempotent."""
        self._sweeper.cancel()
        for connection in self._connections:
            connection.drop()
        self._connections.clear()
        self._idle.clear()

    # Called by connections.

    def finished(self, connection: Connection, outcome: Outcome, now: float, keep: bool) -> None:
        """Record a request and have the next one sent."""
        self._record(connection.intended, connection.started, now, outcome)
        if keep and self.again:
            self._begin(connection, now, now)
            return
        self.in_flight -= 1
        if keep:
            self._idle[connection] = None
        else:
            self._connections.pop(connection, None)
        self.on_free(now)

    def lost(self, connection: Connection) -> None:
        """Forget an idle connection that the server closed."""
        self._idle.pop(connection, None)
        self._connections.pop(connection, None)

    def _begin(self, connection: Connection, intended: float, now: float) -> None:
        self._nonce = number = (self._nonce + 1) & 0xFFFF_FFFF_FFFF_FFFF
        self.sent += 1
        connection.begin(intended, now, now + self._timeout, b"%016x" % number)

    def _forget(self, connection: Connection) -> None:
        connection.drop()
        self.lost(connection)

    async def _connect(self, connection: Connection) -> None:
        template = self._template
        try:
            await self._loop.create_connection(
                lambda: connection, template.host, template.port, ssl=template.tls
            )
        except OSError as error:
            if error.errno in _OURS and not isinstance(error, ssl.SSLError):
                raise ChaosError(
                    f"cannot connect to {template.host}:{template.port}: {_OURS[error.errno]}"
                ) from error
            if connection not in self._connections:
                return
            lost = isinstance(error, (ConnectionResetError, ConnectionAbortedError))
            connection.drop()
            outcome = Outcome.RESET if lost else Outcome.REFUSED
            self.finished(connection, outcome, time.monotonic(), keep=False)
        finally:
            connection.connecting = None

    def _sweep(self) -> None:
        now = time.monotonic()
        held_up = now - self._next_sweep > _LATE_SWEEP and not self._skipped_sweep
        self._next_sweep = now + SWEEP_SECONDS
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)
        self._skipped_sweep = held_up
        if held_up:
            return  # this process was held up: answers that are already here must be read first
        for connection in [one for one in self._connections if one.deadline <= now]:
            connection.drop()
            self.finished(connection, Outcome.TIMEOUT, now, keep=False)


def _nothing(_now: float) -> None:
    """What an idle pool has to do."""
