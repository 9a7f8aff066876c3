"""Connections that a server has to bear: a flood of idle ones, or slow-loris.

    flood      connections are opened at a rate and kept, and nothing is sent on them
    slowloris  each begins a request and sends one byte of an endless header now and then, so that a server which waits
               for whole requests keeps a place for each (R. Hansen, Slowloris HTTP DoS, 2009)

What the server closes is opened again, and counted; so is what it refuses. A server that defends itself in these ways
is under the fault all the same.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import anyio
from pydantic import Field, model_validator

from chaos.faults.base import Blast, FaultArguments, FaultContext, FaultError, Needs, Undo
from chaos.faults.helper import Helper
from chaos.faults.holding import hold_helpers
from chaos.targets.base import Infer, need

__all__ = ["Connections", "ConnectionsArguments"]

HELPER = "chaos.faults.connections_helper"
MOST = 20_000
LOOK_SECONDS = 0.1
ANSWER_SECONDS = 5.0


class ConnectionsArguments(FaultArguments):
    """What the fault takes in an experiment."""

    kind: Literal["flood", "slowloris"] = "flood"
    address: str = Field(default="", description="host to connect to; the target's own if no port is given")
    port: int = Field(default=0, ge=0, le=65535, description="port; the one for inference if not given")
    connections: int = Field(default=500, ge=1, le=MOST)
    rate: float = Field(default=500.0, gt=0, le=MOST, description="connections opened a second")
    every: float = Field(default=1.0, ge=0.05, le=3600, description="seconds between bytes (slowloris)")
    within: float = Field(default=20.0, gt=0, le=50, description="seconds for all to have been tried")

    @model_validator(mode="after")
    def _fits(self) -> ConnectionsArguments:
        if self.address and not self.port:
            raise ValueError("an 'address' needs its 'port'")
        if self.connections / self.rate > self.within:
            raise ValueError("at this 'rate' the 'connections' cannot be opened 'within' that time")
        return self


class Connections:
    """Opens connections in a helper process and keeps them."""

    Arguments: ClassVar[type[FaultArguments]] = ConnectionsArguments
    needs: ClassVar[Needs] = Needs(linux=True)

    def __init__(self, arguments: ConnectionsArguments) -> None:
        self.arguments = arguments
        self._helper: Helper | None = None
        self._context: FaultContext | None = None

    async def inject(self, context: FaultContext) -> None:
        """Open them; return when each has been tried and one at least was taken."""
        arguments, self._context = self.arguments, context
        host, port = self._address(context)
        what = f"{arguments.connections} connections to {host}:{port} ({arguments.kind})"
        await context.intend(Blast((what,), hosts=(host,)), {"address": f"{host}:{port}"})
        task = {
            "host": host,
            "port": port,
            "seed": context.seed,
            **arguments.model_dump(include={"kind", "connections", "rate", "every"}),
        }
        self._helper = await context.helper((HELPER, json.dumps(task)))
        counts: dict[str, Any] = {}
        with anyio.move_on_after(arguments.within):
            while counts.get("tried", 0) < arguments.connections or not counts["peak"]:
                await anyio.sleep(LOOK_SECONDS)
                counts = await self._counts()
        if counts.get("tried", 0) < arguments.connections or not counts["peak"]:
            raise FaultError(
                f"after {arguments.within:g} s {counts.get('tried', 0)} of {what} had been tried, and "
                f"{counts.get('peak', 0)} stood at most ({counts.get('error') or 'no error'})"
            )
        self._note("in force", counts)

    async def hold(self, seconds: float) -> None:
        """Keep them, and say at the end how they fared."""
        assert self._helper is not None, "hold comes after inject"  # noqa: S101
        await hold_helpers([self._helper], seconds, "the process that keeps the connections")
        self._note("at the end", await self._counts())

    @staticmethod
    async def revert(undo: Undo) -> str:
        """They were reset when the process that kept them ended."""
        return f"no connection to {undo['address']} is left"

    def _address(self, context: FaultContext) -> tuple[str, int]:
        arguments = self.arguments
        if arguments.port:
            return arguments.address or "127.0.0.1", arguments.port
        url = urlsplit(need(context.target, Infer).infer_request("any", {}).url)
        if url.scheme != "http" and arguments.kind == "slowloris":
            raise FaultError(f"slowloris speaks plain HTTP, and {url.netloc} speaks {url.scheme} (try flood)")
        return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)

    async def _counts(self) -> dict[str, Any]:
        """What the helper has counted so far: it answers a line with a line."""
        assert self._helper is not None  # noqa: S101
        process, received = self._helper.process, b""
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                await process.stdin.send(b"?\n")
                while not received.endswith(b"\n"):
                    received += await process.stdout.receive()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
            raise FaultError("the process that keeps the connections has ended") from None
        except TimeoutError:
            raise FaultError("the process that keeps the connections does not answer") from None
        counts: dict[str, Any] = json.loads(received)
        return counts

    def _note(self, when: str, counts: dict[str, Any]) -> None:
        assert self._context is not None  # noqa: S101
        self._context.note(about="connections", when=when, kind=self.arguments.kind, **counts)
