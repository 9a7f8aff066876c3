"""The proxy's TCP link to the manager: takes route tables, reports what happened, passes control calls on.

It reconnects and starts over with a full route table after any loss. One JSON object a line each way:

- proxy → manager: ``hello`` (token), ``ack`` (generation), ``up`` and ``down`` (replica, with ``since`` when, on
  the monotonic clock), ``drained`` and ``stuck`` (replica), ``quiet`` (model, with generation), ``call`` (number, with
  method, path, body), ``queues`` (model → waiting, with ``asked``), ``beat``
- manager → proxy: ``table``, ``answer`` (number, with status, body), ``counted`` (a status), ``ask`` (number),
  ``stop``, ``beat``
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from chaos.embedded.pulse import BEAT_SECONDS, DIAL_SECONDS, Pulse
from chaos.embedded.routes import RouteTable

__all__ = ["LINE_LIMIT", "ControlLink", "beating"]

LINE_LIMIT = 16 << 20
RETRY_SECONDS = 0.02
CALL_SECONDS = 130.0


@asynccontextmanager
async def beating(
    pulse: Pulse, beat: Callable[[], None], writer: asyncio.StreamWriter
) -> AsyncIterator[None]:
    """Beat while inside, and cut the connection when the far end is silent for too long."""

    async def run() -> None:
        while not pulse.lost():
            beat()
            await asyncio.sleep(BEAT_SECONDS)
        writer.transport.abort()

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()


class ControlLink:
    """The link's proxy end.

    :param apply: called with each route table
    :param counted: called with the status of each answer that the manager gave to a client of its own
    :param queues: how many requests wait for each model
    :param stop: called when the platform stops
    """

    def __init__(
        self,
        port: int,
        token: str,
        apply: Callable[[RouteTable], None],
        counted: Callable[[int], None],
        queues: Callable[[], dict[str, int]],
        stop: Callable[[], None],
    ) -> None:
        self._port = port
        self._token = token
        self._apply = apply
        self._counted = counted
        self._queues = queues
        self._stop = stop
        self._writer: asyncio.StreamWriter | None = None
        self._calls: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._numbers = itertools.count(1)
        self._told = False

    @property
    def up(self) -> bool:
        """Whether the link stands, and a route table has come over it."""
        return self._told

    async def keep(self) -> None:
        """Connect, and connect again after each loss, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(DIAL_SECONDS):
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=LINE_LIMIT)
                try:
                    await self._session(reader, writer)
                finally:
                    self._writer, self._told = None, False
                    writer.transport.abort()
                    self._drop_calls()
            except (OSError, TimeoutError, ValueError):
                pass  # cut or garbled: start over
            await asyncio.sleep(RETRY_SECONDS)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.say(hello=self._token)
        pulse = Pulse()
        async with beating(pulse, lambda: self.say(beat=1), writer):
            while line := await reader.readline():
                pulse.silent = 0
                self._hear(json.loads(line))

    def say(self, **message: Any) -> None:
        """Send a message, if the link stands; the next full table makes good for what was not sent."""
        if self._writer is not None:
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def call(self, method: str, path: str, body: str) -> tuple[int, bytes]:
        """Have the manager answer a control-plane request: status and body.

        :raises ConnectionError: if the link is down or breaks; whether the call took effect is not known then
        :raises TimeoutError: if there is no answer in time
        """
        if self._writer is None:
            raise ConnectionError("no link to the manager")
        number = next(self._numbers)
        future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._calls[number] = future
        try:
            self.say(call=number, method=method, path=path, body=body)
            async with asyncio.timeout(CALL_SECONDS):
                return await future
        finally:
            del self._calls[number]

    def _hear(self, message: dict[str, Any]) -> None:
        if "table" in message:
            table = RouteTable.from_json(message["table"])
            self._apply(table)
            self._told = True
            self.say(ack=table.generation)
        elif "answer" in message:
            future = self._calls.get(message["answer"])
            if future is not None and not future.done():
                future.set_result((message["status"], message["body"].encode()))
        elif "counted" in message:
            self._counted(message["counted"])
        elif "ask" in message:
            self.say(queues=self._queues(), asked=message["ask"])
        elif "stop" in message:
            self._stop()

    def _drop_calls(self) -> None:
        for future in self._calls.values():
            if not future.done():
                future.set_exception(ConnectionError("the link to the manager broke"))
