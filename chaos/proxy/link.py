"""One proxy: its listener, the connections through it, and the toxics that hit some of them."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

from chaos.proxy.connection import Connection
from chaos.proxy.toxics import Toxic, ToxicError, parse_toxic

__all__ = ["Link", "split_address"]

BACKLOG = 1024
RETRY_SECONDS = 0.1
"""After running out of descriptors, accepting waits so long."""


class Link:
    """A proxy. ``listen`` is where it listens, with the port that was given if any was asked for.

    :raises ToxicError: if it cannot listen, or an address is none
    """

    def __init__(self, name: str, listen: str, upstream: str, seed: int) -> None:
        self.name = name
        self.listen = listen
        self.seed = seed
        self.toxics: dict[str, Toxic] = {}
        self.enabled = False
        self.set_upstream(upstream)
        split_address(listen)
        self._accepted = 0
        self._listener: socket.socket | None = None
        self._connections: set[Connection] = set()

    def set_upstream(self, upstream: str) -> None:
        """Where new connections go."""
        host, port = split_address(upstream)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise ToxicError(f"upstream {upstream}: {error}") from None
        self.upstream = upstream
        self.upstream_addresses = [(entry[0], entry[4]) for entry in found]

    def enable(self) -> None:
        """Listen. Idempotent."""
        if self.enabled:
            return
        host, port = split_address(self.listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except (OSError, OverflowError) as error:
            listener.close()
            raise ToxicError(f"listen tcp {self.listen}: bind: {error}", 500) from None
        self.listen = _joined(host, listener.getsockname()[1])
        self._listener, self.enabled = listener, True
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept)

    def disable(self) -> None:
        """Refuse new connections and close those there are. Idempotent."""
        self.enabled = False
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None
        for connection in list(self._connections):
            connection.close()

    def add(self, document: dict[str, Any]) -> Toxic:
        """Add a toxic, as the API was given it."""
        toxic = parse_toxic(document, self._accepted)
        if toxic.name in self.toxics:
            raise ToxicError("toxic already exists", 409)
        return self._put(toxic)

    def update(self, name: str, document: dict[str, Any]) -> Toxic:
        """Change one."""
        return self._put(parse_toxic(document, self._accepted, self.toxic(name)))

    def remove(self, name: str) -> None:
        """Take one away."""
        self.toxic(name)
        del self.toxics[name]
        self._apply()

    def clear(self) -> None:
        """Take all away."""
        self.toxics.clear()
        self._apply()

    def toxic(self, name: str) -> Toxic:
        """The toxic of a name.

        :raises ToxicError: 404 if there is none
        """
        if name not in self.toxics:
            raise ToxicError("toxic not found", 404)
        return self.toxics[name]

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)

    def to_json(self) -> dict[str, Any]:
        """As the API has it."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "toxics": [toxic.to_json() for toxic in self.toxics.values()],
        }

    def _put(self, toxic: Toxic) -> Toxic:
        self.toxics[toxic.name] = toxic
        self._apply()
        return toxic

    def _apply(self) -> None:
        for connection in list(self._connections):
            connection.apply()

    def _accept(self) -> None:
        listener = self._listener
        while listener is not None:
            try:
                client, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._rest(listener)
                return
            client.setblocking(False)
            self._connections.add(Connection(self, client, self._accepted))
            self._accepted += 1

    def _rest(self, listener: socket.socket) -> None:
        """No descriptors are left: try again in a moment, rather than at once and for ever."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener.fileno())

        def again() -> None:
            if self._listener is listener:
                loop.add_reader(listener.fileno(), self._accept)

        loop.call_later(RETRY_SECONDS, again)


def split_address(address: str) -> tuple[str, int]:
    """Host and port of ``host:port``; an empty host is loopback.

    :raises ToxicError: if it is none
    """
    host, separator, port = address.rpartition(":")
    if not separator or not (port.isascii() and port.isdecimal() and int(port) < 65536):
        raise ToxicError(f"address {address}: write it host:port")
    return host.strip("[]") or "127.0.0.1", int(port)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
