"""One proxy: its listener, the connections through it, and the toxics that hit some of them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import Any

from chaos.proxy.flow import Flow, abort
from chaos.proxy.http import Talk
from chaos.proxy.stages import Stage
from chaos.proxy.toxics import Toxic, ToxicError, parse_toxic

__all__ = ["Link", "split_address"]

BACKLOG = 1024
CONNECT_SECONDS = 10.0
RETRY_SECONDS = 0.1
"""After running out of descriptors, accepting waits so long."""

LINGER_SECONDS = 1.0
"""How long a connection that is closed on purpose still reads: an unread byte would turn the close into a reset,
which takes back what was sent before."""


class Connection:
    """A client, the upstream, and the two flows between them. ``ordinal`` counts from 0 in each proxy."""

    def __init__(self, link: Link, client: socket.socket, ordinal: int) -> None:
        self.ordinal = ordinal
        self._link = link
        self._client = client
        self._upstream: socket.socket | None = None
        self._flows: dict[str, Flow] = {}
        self._stages: dict[str, tuple[Toxic, Stage]] = {}
        self._talk: Talk | None = None
        self._closed = False
        self._finishing = False
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        """Reach the upstream; until then nothing of the client is read."""
        loop = asyncio.get_running_loop()
        upstream = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                for family, address in self._link.upstream_addresses:
                    upstream = await _dial(family, address)
                    if upstream is not None:
                        break
        except TimeoutError:
            upstream = None
        if upstream is None:
            self.close()
            return
        for end in (self._client, upstream):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._upstream = upstream
        self._flows = {
            "upstream": Flow(self._client, upstream, self, loop),
            "downstream": Flow(upstream, self._client, self, loop),
        }
        self.apply()
        for flow in self._flows.values():
            flow.start()

    def apply(self) -> None:
        """Have the proxy's toxics act from now on; those that are unchanged keep what they had in hand."""
        if not self._flows or self._closed or self._finishing:
            return
        link, now = self._link, asyncio.get_running_loop().time()
        hit = [toxic for toxic in link.toxics.values() if toxic.hits(link.seed, link.name, self.ordinal)]
        stages: dict[str, tuple[Toxic, Stage]] = {}
        for toxic in hit:
            if toxic.attributes.stage is None:
                continue
            held = self._stages.get(toxic.name)
            if held is not None and held[0].attributes == toxic.attributes:
                stages[toxic.name] = (toxic, held[1])
            else:
                generator = toxic.generator(link.seed, link.name, self.ordinal)
                generator.random()  # the draw that decided whether it hits
                stages[toxic.name] = (toxic, toxic.attributes.stage(toxic.attributes, generator, now))
        gone = self._stages.keys() - stages.keys()
        if any(self._stages[name][0].attributes.closes for name in gone):
            self.close()
            return
        self._stages = stages
        requests = [toxic for toxic in hit if toxic.http]
        if requests and self._talk is None:
            answer = self._flows["downstream"].inject
            self._talk = Talk(link.seed, link.name, self.ordinal, answer, self._quiet)
        elif not requests and self._talk is not None and self._talk.idle:
            self._talk = None
        if self._talk is not None:
            self._talk.toxics = requests
        for direction, flow in self._flows.items():
            chain = [stage for toxic, stage in stages.values() if toxic.stream == direction]
            if self._talk is not None:
                chain = (
                    [self._talk.requests, *chain] if direction == "upstream" else [self._talk.answers, *chain]
                )
            flow.set_stages(chain)
            if self._closed:
                return

    def _quiet(self) -> None:
        """There is nothing left to see in requests: pass them on as they come."""
        asyncio.get_running_loop().call_soon(self.apply)

    def flow_ended(self) -> None:
        """One direction is done; when both are, so is the connection."""
        if all(flow.ended for flow in self._flows.values()):
            self.close()

    def finish(self) -> None:
        """End it at both ends, so that what was sent before arrives. Idempotent."""
        if self._finishing or self._closed:
            return
        self._finishing = True
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self.close)
        for flow in self._flows.values():
            flow.discard()
        self.flow_ended()

    def reset(self) -> None:
        """End with a reset at both ends."""
        self.close(aborting=True)

    def close(self, aborting: bool = False) -> None:
        """End it. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._task.cancel()
        for flow in self._flows.values():
            flow.close()
        for end in (self._client, self._upstream):
            if end is not None:
                abort(end) if aborting else end.close()
        self._link.forget(self)


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


async def _dial(family: int, address: Any) -> socket.socket | None:
    """A connection to there, None if there is none to be had."""
    upstream = socket.socket(family, socket.SOCK_STREAM)
    try:
        upstream.setblocking(False)
        await asyncio.get_running_loop().sock_connect(upstream, address)
    except OSError:
        upstream.close()
        return None
    except BaseException:
        upstream.close()
        raise
    return upstream


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
