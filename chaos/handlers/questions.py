"""The worker's end of its connection to the harness: questions come in, answers go out."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from os import _exit
from typing import Any, NoReturn

from chaos.handlers.frames import HEADER_BYTES, header, packed, parsed

__all__ = ["Questions"]

MOST_BODY = 1 << 40
"""Questions come from us: their bodies may have any size."""


class Questions:
    """One at a time, each answered before the next comes.

    :param connection: a high descriptor, which a handler does not hit by chance
    :param token: of the frames
    """

    def __init__(self, connection: socket.socket, token: bytes) -> None:
        self._connection, self._token = connection, token
        self._number = 0

    def next(self) -> tuple[dict[str, Any], bytes]:
        """The next question, and what is given with it. Ends this process if there are no more."""
        self._number, size, checksum, length = header(
            self._exactly(HEADER_BYTES), self._token, None, MOST_BODY
        )
        return parsed(self._exactly(size), checksum), bytes(self._exactly(length))

    def answer(self, told: dict[str, Any], body: bytes) -> None:
        """Answer it."""
        try:
            self._connection.sendall(packed(self._token, self._number, told, len(body)))
            if body:
                self._connection.sendall(body)
        except OSError:
            _await_end()

    def close(self) -> None:
        """Close it, in a process that is not the worker."""
        with suppress(OSError):
            os.close(self._connection.detach())

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            try:
                count = self._connection.recv_into(view)
            except OSError:
                _await_end()
            if count == 0:
                _exit(0)
            view = view[count:]
        return data


def _await_end() -> NoReturn:
    """The handler has closed the connection: whoever sees its end will end this process, and know why."""
    while True:
        signal.pause()
