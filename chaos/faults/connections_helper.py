"""``python -m chaos.faults.connections_helper TASK`` opens connections and keeps them; TASK is a JSON object.

Its keys are those of :class:`chaos.faults.connections.ConnectionsArguments` that say what to do, with ``host`` and
``port``. Each line on standard input is answered with a line of counts: ``tried``, ``standing``, ``peak``, ``refused``
(or not answered), ``closed`` by the server, ``reopened``, and the last ``error``. All connections are reset, not
closed, when the process ends, so that they leave no port waiting.
"""

from __future__ import annotations

import errno
import heapq
import json
import os
import random
import resource
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass
from itertools import count
from typing import Any

from chaos.lifeline import die_with_parent

__all__ = ["Kept", "main"]

OTHER_DESCRIPTORS = 64
CONNECT_SECONDS = 5.0
"""After this a connection that was not answered counts as refused, and another is tried in its place."""
BURST = 64
"""Connections opened between two looks at those that stand, at most."""
HEADER = b"x-slow: loris\r\n"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    opened: float
    stands: bool = False
    place: int = 0
    """In the endless header."""
    turn: int = -1
    """Which of the plans for it holds; a descriptor may by then be another connection's."""


class Kept:
    """The connections of one task."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.wanted: int = task["connections"]
        self.every: float = task["every"] if task["kind"] == "slowloris" else 0.0
        self.interval: float = 1.0 / task["rate"]
        resolved = socket.getaddrinfo(task["host"], task["port"], type=socket.SOCK_STREAM)[0]
        self._family, self._address = resolved[0], resolved[4]
        self._begin = f"POST / HTTP/1.1\r\nHost: {task['host']}:{task['port']}\r\n".encode()
        self._random = random.Random(task["seed"])
        self._open: dict[int, _Connection] = {}
        self._due: list[tuple[float, int, int]] = []
        self._turn = count()
        self._next = time.monotonic()
        self.poll = select.epoll()
        self.tried = self.standing = self.peak = self.refused = self.closed = 0
        self.error = ""

    def counts(self) -> dict[str, object]:
        """What has come of it so far."""
        reopened = max(0, self.tried - self.wanted)
        names = ("tried", "standing", "peak", "refused", "closed", "error")
        return {name: getattr(self, name) for name in names} | {"reopened": reopened}

    def close(self) -> None:
        """Reset all of them."""
        for descriptor in list(self._open):
            self._forget(descriptor)
        self.poll.close()

    def turn(self) -> float:
        """Do what is due; return the seconds until something will be."""
        now = time.monotonic()
        for _ in range(BURST):
            if self._next > now or len(self._open) >= self.wanted:
                break
            self._next += self.interval
            self._connect(now)
        if len(self._open) >= self.wanted:
            self._next = max(self._next, now)
        while self._due and self._due[0][0] <= now:
            _, turn, descriptor = heapq.heappop(self._due)
            self._on_time(descriptor, turn, now)
        soonest = self._due[0][0] if self._due else now + 1.0
        if len(self._open) < self.wanted:
            soonest = min(soonest, self._next)
        return min(1.0, max(0.0, soonest - now))

    def on_event(self, descriptor: int, event: int) -> None:
        """Something happened to a connection."""
        connection = self._open[descriptor]
        if not connection.stands:
            failed = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed or event & (select.EPOLLERR | select.EPOLLHUP):
                self._refuse(descriptor, errno.errorcode.get(failed, "cut"))
                return
            self._stands(descriptor, connection)
        elif event & (select.EPOLLERR | select.EPOLLHUP | select.EPOLLRDHUP):
            self._close(descriptor)
        elif event & select.EPOLLIN:
            self._read(descriptor, connection)

    def _connect(self, now: float) -> None:
        self.tried += 1
        try:
            opened = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as error:
            self.refused, self.error = self.refused + 1, str(error)
            return
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        failed = opened.connect_ex(self._address)
        if failed not in (0, errno.EINPROGRESS):
            opened.close()
            self.refused, self.error = self.refused + 1, os.strerror(failed)
            return
        self._open[opened.fileno()] = _Connection(opened, now)
        self.poll.register(opened, select.EPOLLOUT | select.EPOLLRDHUP)
        self._plan(opened.fileno(), now + CONNECT_SECONDS)

    def _stands(self, descriptor: int, connection: _Connection) -> None:
        connection.stands, connection.turn = True, -1
        self.standing += 1
        self.peak = max(self.peak, self.standing)
        self.poll.modify(descriptor, select.EPOLLIN | select.EPOLLRDHUP)
        if self.every:
            self._plan(descriptor, time.monotonic() + self.every * self._random.random())
            self._send(descriptor, connection, self._begin)

    def _on_time(self, descriptor: int, turn: int, now: float) -> None:
        """A byte is due, or an answer overdue."""
        connection = self._open.get(descriptor)
        if connection is None or connection.turn != turn:
            return
        if connection.stands:
            place = connection.place % len(HEADER)
            connection.place += 1
            self._plan(descriptor, now + self.every)
            self._send(descriptor, connection, HEADER[place : place + 1])
        else:
            self._refuse(descriptor, "not answered")

    def _plan(self, descriptor: int, at: float) -> None:
        turn = self._open[descriptor].turn = next(self._turn)
        heapq.heappush(self._due, (at, turn, descriptor))

    def _send(self, descriptor: int, connection: _Connection, content: bytes) -> None:
        try:
            connection.socket.send(content)
        except BlockingIOError:
            pass  # the server reads nothing, and what it has keeps it busy
        except OSError:
            self._close(descriptor)

    def _read(self, descriptor: int, connection: _Connection) -> None:
        """What the server says is of no interest, but its end is."""
        try:
            ended = not connection.socket.recv(65536)
        except BlockingIOError:
            ended = False
        except OSError:
            ended = True
        if ended:
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        self._forget(descriptor)
        self.closed += 1

    def _refuse(self, descriptor: int, why: str) -> None:
        self._forget(descriptor)
        self.refused, self.error = self.refused + 1, why

    def _forget(self, descriptor: int) -> None:
        connection = self._open.pop(descriptor)
        self.standing -= connection.stands
        self.poll.unregister(descriptor)
        connection.socket.close()


def main() -> int:
    """Open them, answer questions, and end with the parent."""
    die_with_parent()
    task = json.loads(sys.argv[1])
    try:
        _allow_descriptors(task["connections"] + OTHER_DESCRIPTORS)
        kept = Kept(task)
    except OSError as error:
        _say({"error": str(error)})
        return 1
    _say({"started": True})
    kept.poll.register(0, select.EPOLLIN)
    while True:
        # new ones are opened in turn() only, so that no event is about a descriptor which another took over
        for descriptor, event in kept.poll.poll(kept.turn(), BURST * 16):
            if descriptor != 0:
                kept.on_event(descriptor, event)
            elif os.read(0, 4096):
                _say(kept.counts())
            else:
                return 1  # the parent is gone


def _allow_descriptors(needed: int) -> None:
    """Have the system allow this process so many.

    :raises OSError: if it does not
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = hard if hard == resource.RLIM_INFINITY else max(hard, needed)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
        except (OSError, ValueError):
            raise OSError(
                f"{needed} open files are needed and {hard} are allowed (raise `ulimit -n`, or take fewer)"
            ) from None


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
