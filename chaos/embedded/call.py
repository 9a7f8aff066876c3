"""One inference on its way through the proxy: whose it is, where it is, and how it ends if it fails."""

from __future__ import annotations

import asyncio
from typing import Any
from typing import Protocol as Interface

from chaos.embedded.answers import Protocol, error_body
from chaos.embedded.exchange import Exchange
from chaos.embedded.metrics import Metrics
from chaos.embedded.routes import ModelRoute

__all__ = ["Call", "CallOwner"]


class CallOwner(Interface):
    """Who is told what the client does."""

    metrics: Metrics

    def client_gone(self, call: Call) -> None:
        """The client left before its answer was complete."""

    def client_flow(self, call: Call, paused: bool) -> None:
        """The client reads too slowly for the answer, or fast enough again."""


class Call:
    """One inference, from its arrival until it is answered.

    Once it is ``answering``, the head is out; ``streaming`` if nobody knows how long the answer will be; ``touched``
    is when the last piece came. ``limit`` is how long its handler may take, in seconds, once it has ``started``.
    """

    __slots__ = (
        "_owner",
        "answering",
        "arrived",
        "exchange",
        "limit",
        "model",
        "protocol",
        "replica",
        "started",
        "streaming",
        "timer",
        "touched",
    )

    def __init__(
        self, owner: CallOwner, exchange: Exchange, model: str, protocol: Protocol, arrived: float
    ) -> None:
        self._owner = owner
        self.exchange = exchange
        self.model = model
        self.protocol = protocol
        self.arrived = arrived
        self.started = 0.0
        self.limit = 0.0
        self.replica = 0
        self.answering = False
        self.streaming = False
        self.touched = 0.0
        self.timer: asyncio.TimerHandle | None = None
        exchange.on_gone = self._gone
        exchange.on_flow = self._flow

    def header(self, route: ModelRoute) -> dict[str, Any]:
        """What a replica is told of the request beside its body."""
        headers = self.exchange.headers
        return {
            "protocol": self.protocol,
            "model": route.name,
            "version": "1" if self.protocol is Protocol.OIP else route.version,
            "package": route.package,
            "content_type": headers.get("content-type", ""),
            "accept": headers.get("accept", ""),
        }

    def refuse(self, status: int, kind: str, message: str) -> None:
        """Answer with an error; in the middle of an answer, cut it instead."""
        if self.answering:
            self.exchange.abort()
        else:
            self._owner.metrics.answered(status)
            self.exchange.respond(status, error_body(self.protocol, status, kind, message))

    def disarm(self) -> None:
        """Stop its clock."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _gone(self) -> None:
        self._owner.client_gone(self)

    def _flow(self, paused: bool) -> None:
        self._owner.client_flow(self, paused)
