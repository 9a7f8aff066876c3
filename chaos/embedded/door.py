"""Who may link to a replica: connections are let in, heard, and taken if they say the token. None can block it."""

from __future__ import annotations

import hmac
import os
import select
import socket
import time

from chaos.embedded.pulse import GREETING_SECONDS
from chaos.embedded.wire import HEADER_LIMIT, PREFIX, WireError, encode_head, parse_header, parse_prefix

__all__ = ["Door"]

HELLO_SECONDS = 0.5
"""How long the rest of a hello may take once its first byte is there."""


class Door:
    """The listening socket, and those who came in but have not said yet who they are.

    :param poll: what the caller waits with; it watches them there
    """

    def __init__(self, listener: socket.socket, replica: int, token: str, poll: select.poll) -> None:
        self._listener = listener
        self._replica = replica
        self._token = token.encode()
        self._poll = poll
        self._strangers: dict[int, tuple[socket.socket, float]] = {}
        listener.setblocking(False)
        poll.register(listener, select.POLLIN)

    @property
    def patience(self) -> int | None:
        """How long to wait for events at most, in milliseconds: strangers are not kept for ever."""
        return int(GREETING_SECONDS * 1000) if self._strangers else None

    def open(self, events: list[tuple[int, int]], busy: bool) -> tuple[bool, socket.socket | None]:
        """Go through the events of a poll.

        :param busy: what to tell one who says the token: that the replica has no time now
        :return: whether there was anybody, and the connection that is the link from now on, if one is
        """
        anybody, link = False, None
        for descriptor, _ in events:
            if descriptor == self._listener.fileno():
                anybody |= self._accept()
            elif descriptor in self._strangers:
                anybody = True
                self._poll.unregister(descriptor)
                link = self._admit(self._strangers.pop(descriptor)[0], busy) or link
        now = time.monotonic()
        for descriptor, (stranger, deadline) in list(self._strangers.items()):
            if now > deadline:
                self._poll.unregister(descriptor)
                del self._strangers[descriptor]
                stranger.close()
        return anybody, link

    def _accept(self) -> bool:
        try:
            stranger, _ = self._listener.accept()
        except BlockingIOError:
            return False
        except OSError:
            time.sleep(0.05)  # no descriptor left: do not spin on it
            return False
        self._strangers[stranger.fileno()] = (stranger, time.monotonic() + GREETING_SECONDS)
        self._poll.register(stranger, select.POLLIN)
        return True

    def _admit(self, stranger: socket.socket, busy: bool) -> socket.socket | None:
        try:
            stranger.settimeout(HELLO_SECONDS)
            header_length, body_length = parse_prefix(_all(stranger, PREFIX.size))
            if body_length or header_length > HEADER_LIMIT:
                raise WireError("not a hello")
            hello = parse_header(_all(stranger, header_length))
            if not hmac.compare_digest(str(hello.get("token", "")).encode(), self._token):
                raise WireError("wrong token")
            stranger.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stranger.sendall(encode_head({"hello": self._replica, "pid": os.getpid(), "busy": busy}, 0))
            stranger.settimeout(None)
        except (OSError, WireError):
            stranger.close()
            return None
        return stranger


def _all(stranger: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = stranger.recv(count - len(data))
        if not more:
            raise ConnectionError("gone before it said who it is")
        data += more
    return data
