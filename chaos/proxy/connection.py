"""One connection through a proxy: the client, the upstream, and the two flows between them with their stages."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, Protocol

from chaos.proxy.flow import Flow
from chaos.proxy.http import Talk
from chaos.proxy.resets import abort
from chaos.proxy.stages import Stage
from chaos.proxy.toxics import Toxic

__all__ = ["Connection", "ConnectionOwner"]

CONNECT_SECONDS = 10.0
LINGER_SECONDS = 1.0
"""How long a connection that is closed on purpose still reads: an unread byte would turn the close into a reset,
which takes back what was sent before."""


class ConnectionOwner(Protocol):
    """The proxy that a connection goes through."""

    name: str
    seed: int
    toxics: dict[str, Toxic]
    upstream_addresses: list[tuple[Any, Any]]

    def forget(self, connection: Connection) -> None:
        """It has ended."""


class Connection:
    """``ordinal`` counts from 0 in each proxy."""

    def __init__(self, link: ConnectionOwner, client: socket.socket, ordinal: int) -> None:
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
