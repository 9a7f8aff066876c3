"""One question to a handler's process, and its answer or what came in its place."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from chaos.handlers.frames import HEADER_BYTES, BrokenFrameError, header, packed, parsed
from chaos.handlers.printed import Printed

__all__ = ["Exchange", "Loss", "LostError"]

WATCH_SECONDS = 0.025
"""How often a process is looked at while it is waited for."""
CHUNK = 1 << 18


class Loss(Enum):
    """Why there is no answer."""

    CLOSED = "the connection ended"
    BROKEN = "what came is no answer"
    LATE = "time is up"
    CROWD = "too many processes"


class LostError(Exception):
    """There is no answer, and the process is of no use any more."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        super().__init__(loss.value)


class Exchange:
    """Our end of the connection. Each question has one answer, and there is one at a time.

    :param token: of the frames
    :param most: bytes of an answer's body
    :param printed: what the process prints, read meanwhile
    :param crowded: whether it has too many processes, looked at now and then
    """

    def __init__(
        self,
        connection: socket.socket,
        token: bytes,
        most: int,
        printed: Printed,
        crowded: Callable[[], bool],
    ) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._token, self._most = token, most
        self._printed, self._crowded = printed, crowded
        self._received = bytearray()
        self._number = 0
        self._deadline = self._look = 0.0
        self._waiting = select.poll()
        self._waiting.register(printed.descriptor, select.POLLIN)

    def ask(self, question: dict[str, Any], body: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """The answer: what is told, and its body.

        :param seconds: after which it is lost
        :raises LostError: if there is none
        """
        self._number += 1
        now = time.monotonic()
        self._deadline, self._look = now + seconds, now + WATCH_SECONDS
        try:
            head = packed(self._token, self._number, question, len(body))
            for data in (head + body,) if len(body) < CHUNK else (head, body):
                self._send(data)
            size, checksum, length = header(
                self._exactly(HEADER_BYTES), self._token, self._number, self._most
            )[1:]
            told = parsed(self._exactly(size), checksum)
            answer = self._exactly(length)
            if self._received:
                raise LostError(Loss.BROKEN)
            return told, answer
        except BrokenFrameError:
            raise LostError(Loss.BROKEN) from None
        except OSError:
            raise LostError(Loss.CLOSED) from None

    def quiet(self) -> bool:
        """Whether nothing has come unasked, neither bytes nor the end."""
        try:
            self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Close our end."""
        self._connection.close()

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._connection.send(view) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)

    def _exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            try:
                piece = self._connection.recv(CHUNK)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            if not piece:
                raise LostError(Loss.CLOSED)
            self._received += piece
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def _wait(self, event: int) -> None:
        """Until the connection is ready, reading what is printed.

        :raises LostError: if time is up, or there are too many processes
        """
        own = self._connection.fileno()
        self._waiting.register(own, event)
        while True:
            now = time.monotonic()
            if now >= self._deadline:
                raise LostError(Loss.LATE)
            if now >= self._look:
                self._look = now + WATCH_SECONDS
                if self._crowded():
                    raise LostError(Loss.CROWD)
            ready = self._waiting.poll(1000 * max(0.0, min(self._deadline, self._look) - now))
            for descriptor, _ in ready:
                if descriptor != own:
                    self._printed.read()
            if any(descriptor == own for descriptor, _ in ready):
                return
