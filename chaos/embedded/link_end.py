"""A replica's end of its link to the proxy: takes connections and requests, sends answers, says that it lives.

The replica serves one request, or one batch, at a time in its main thread. The requests of a batch come one after
another, each with the number of those that follow under ``more`` in its header, and are answered in that order.

While the handler computes, or its answer waits for a slow reader, a second thread says beats back and takes a new
connection in place of one that was cut, so a link never looks dead because a handler is busy. It looks only five times
a second and only while there is something to do, which costs a short request nothing. The one thing it cannot outwit
is native code that keeps the interpreter lock for seconds: such a process looks frozen, its link is given up, and heals
when the code returns.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from chaos.embedded.door import Door
from chaos.embedded.pulse import BEAT_SECONDS
from chaos.embedded.wire import (
    PREFIX,
    STREAM,
    Signal,
    WireError,
    encode_chunk,
    encode_head,
    parse_header,
    parse_prefix,
)

__all__ = ["LinkEnd"]

JOINED = 16 * 1024
GLANCE_SECONDS = 0.2
STACK_BYTES = 256 * 1024
_BEAT = Signal.BEAT.frame


class LinkEnd:
    """Call :meth:`requests`, then :meth:`answer` or :meth:`stream`, and so on for ever.

    A connection with the token takes the place of an older one; an answer goes to the connection that its request
    came on, or nowhere.

    :param body_limit: the largest request body in bytes; who sends a larger one is cut
    :param crossed: the defect of that name: an answer goes to whatever connection there is when it is ready
    """

    def __init__(
        self, listener: socket.socket, replica: int, token: str, body_limit: int, crossed: bool = False
    ) -> None:
        self._body_limit = body_limit
        self._crossed = crossed
        self._link: socket.socket | None = None
        self._asked: socket.socket | None = None
        self._dead: list[socket.socket] = []
        self._owes_idle = False
        self._busy = False
        self._said = 0.0
        self._reading = threading.Lock()  # the main thread's but while a request is with the handler
        self._sending = threading.Lock()
        self._poll = select.poll()  # not select(): a handler may have used up the small descriptors
        self._door = Door(listener, replica, token, self._poll)
        previous = threading.stack_size(STACK_BYTES)
        threading.Thread(target=self._watch, name="link", daemon=True).start()
        threading.stack_size(previous)

    # the main thread

    def requests(self) -> list[tuple[dict[str, Any], bytes]]:
        """The next request, or the next batch: each's header and body; waits for it as long as it takes."""
        self._reading.acquire()
        self._busy, self._asked = False, None
        while self._dead:
            self._dead.pop().close()
        if self._owes_idle and self._link is not None:
            self._owes_idle = False
            self._send(self._link, Signal.IDLE.frame)
        while True:
            link = self._link
            try:
                if link is None:
                    self._wait(None)
                    continue
                requests = [self._receive(link)]
                while requests[-1][0].get("more"):
                    requests.append(self._receive(link))
            except (OSError, WireError):
                if link is not None:
                    self._drop(link)
                while self._dead:
                    self._dead.pop().close()
            else:
                self._busy, self._asked = True, link
                self._reading.release()
                return requests

    def answer(self, header: dict[str, Any], body: bytes) -> None:
        """Answer the request, or the next of a batch. Nobody hears it if its connection is gone."""
        link = self._recipient()
        head = encode_head(header, len(body))
        if len(body) <= JOINED:
            self._send(link, head + body)  # one packet, one wake-up of the proxy
        else:
            self._send(link, head, body)

    def stream(self, header: dict[str, Any], chunks: Iterator[bytes]) -> Exception | None:
        """Answer with chunks, each as soon as it is there and only as fast as they are taken.

        :return: what the iterator raised, by which the answer is broken off
        """
        link = self._recipient()
        going = self._send(link, encode_head(header, STREAM))
        while going:
            try:
                chunk = next(chunks, None)
            except Exception as error:
                self._send(link, Signal.BROKEN.frame)
                return error
            if chunk is None:
                self._send(link, encode_chunk(b""))
                return None
            if len(chunk) <= JOINED:
                going = not chunk or self._send(link, encode_chunk(chunk))
            else:
                going = self._send(link, PREFIX.pack(0, len(chunk)), chunk)
        return None

    def _recipient(self) -> socket.socket | None:
        return self._link if self._crossed else self._asked

    def _send(self, link: socket.socket | None, *pieces: bytes) -> bool:
        if link is None:
            return False
        try:
            with self._sending:
                for piece in pieces:
                    link.sendall(piece)
        except OSError:
            return False  # reading from it will find the same
        return True

    def _receive(self, link: socket.socket) -> tuple[dict[str, Any], bytes]:
        header_length, body_length = parse_prefix(self._exactly(link, PREFIX.size))
        while header_length == Signal.BEAT:
            self._beat(link)
            header_length, body_length = parse_prefix(self._exactly(link, PREFIX.size))
        if body_length > self._body_limit:
            raise WireError(f"a body of {body_length} bytes is more than the {self._body_limit} allowed")
        header = parse_header(self._exactly(link, header_length))
        return header, self._exactly(link, body_length)

    def _exactly(self, link: socket.socket, count: int) -> bytes:
        data = bytearray(count)
        view = memoryview(data)
        done = 0
        while done < count:
            try:
                got = link.recv_into(view[done:], 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait(link)
                continue
            if got == 0:
                raise ConnectionError("the proxy is gone")
            done += got
            if done < count and time.monotonic() - self._said > BEAT_SECONDS:
                self._beat(link)  # its own beats wait behind this body
        return bytes(data)

    def _wait(self, link: socket.socket | None) -> None:
        """Wait until something comes.

        :raises ConnectionError: if a new connection has taken this one's place
        """
        self._newcomers(self._door.patience)
        if self._link is not link:
            raise ConnectionError("another connection took its place")

    # the second thread

    def _watch(self) -> None:
        while True:
            time.sleep(GLANCE_SECONDS)
            if self._busy and self._reading.acquire(blocking=False):
                try:
                    if self._busy:
                        self._glance()
                except MemoryError:
                    continue  # the handler has it all: it will be told itself
                finally:
                    self._reading.release()

    def _glance(self) -> None:
        while self._newcomers(0):
            pass  # who was let in may have said already who it is
        link = self._link
        if link is None:
            return
        try:
            while (head := link.recv(len(_BEAT), socket.MSG_PEEK | socket.MSG_DONTWAIT)) == _BEAT:
                link.recv(len(_BEAT))
                self._beat(link)
        except BlockingIOError:
            return
        except OSError:
            head = b""
        if not head:
            self._drop(link)

    # either, with the reading lock

    def _beat(self, link: socket.socket) -> None:
        """Say that we live, unless an answer is on its way, which says the same."""
        if not self._sending.acquire(blocking=False):
            return
        try:
            sent = link.send(_BEAT, socket.MSG_DONTWAIT)
            if sent < len(_BEAT):
                link.sendall(_BEAT[sent:])
            self._said = time.monotonic()
        except OSError:
            pass  # full, so there is something to read; or gone, which reading will find
        finally:
            self._sending.release()

    def _newcomers(self, patience: int | None) -> bool:
        """Wait for events; who says the token is the link from now on. Whether there was anybody at the door."""
        busy = self._busy and not self._crossed
        anybody, link = self._door.open(self._poll.poll(patience), busy)
        if link is not None:
            if self._link is not None:
                self._drop(self._link)
            self._link, self._owes_idle, self._said = link, busy, time.monotonic()
            self._poll.register(link, select.POLLIN)
        return anybody

    def _drop(self, link: socket.socket) -> None:
        """Give a connection up; the main thread, which may be sending on it, closes it."""
        if link is self._link:
            self._poll.unregister(link)
            self._link = None
            with suppress(OSError):  # gone already
                link.shutdown(socket.SHUT_RDWR)
            self._dead.append(link)
