"""The manager's side of the proxy: keeps its process running and tells it, over TCP, how to route.

The link may break at any time; each new connection begins with the full route table.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import IO, Any

from chaos.embedded.control_link import LINE_LIMIT, beating
from chaos.embedded.links import LinkProxies
from chaos.embedded.pulse import GREETING_SECONDS, Pulse
from chaos.embedded.routes import RouteTable
from chaos.errors import ChaosError

__all__ = ["ControlCall", "LinkSaid", "ProxyHub"]

ControlCall = Callable[[str, str, str], Awaitable[tuple[int, str]]]
"""Answers a control-plane request that came to the proxy: method, path, body → status, body."""

RESTART_SECONDS = 0.05
STOP_SECONDS = 1.0
ASK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class LinkSaid:
    """Whether a link stands, and since when it does or does not (monotonic clock, seconds)."""

    up: bool
    since: float


class ProxyHub:
    """One proxy, its link, and what it said.

    ``connected`` holds the replicas whose links stand now, ``drained`` those that have ended their last request;
    ``links`` is what the proxy said last of each replica's link, also while its own is down.

    :param snapshot: makes the route table of a generation
    :param proxies: the fault proxy through which links are led, if any are
    """

    def __init__(
        self,
        snapshot: Callable[[int], RouteTable],
        stuck: Callable[[int], None],
        settings: dict[str, Any],
        descriptors: tuple[int, ...],
        log: IO[bytes] | int,
        proxies: LinkProxies | None = None,
    ) -> None:
        self.connected: set[int] = set()
        self.links: dict[int, LinkSaid] = {}
        self.proxies = proxies or LinkProxies()
        self.drained: set[int] = set()
        self.control: ControlCall | None = None
        self.pid = -1
        self._snapshot = snapshot
        self._stuck = stuck
        self._settings = settings
        self._descriptors = descriptors
        self._log = log
        self._generation = 0
        self._acknowledged = 0
        self._acknowledged_here = -1
        self._since = time.monotonic()
        self._quiet: dict[str, int] = {}
        self._queues: dict[str, int] = {}
        self._asked = 0
        self._told = 0
        self._writer: asyncio.StreamWriter | None = None
        self._news = asyncio.Event()
        self._stopping = False
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Serve the link and keep a proxy running, until cancelled.

        :raises ProxyError: if the link is to go through a fault proxy, which does not take it
        """
        server = await asyncio.start_server(self._session, "127.0.0.1", 0, limit=LINE_LIMIT)
        port = server.sockets[0].getsockname()[1]
        async with server, asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            port = await self.proxies.lead(self.proxies.name("manager"), port)
            while not self._stopping:
                await self._one_proxy(port)
                await asyncio.sleep(RESTART_SECONDS)

    async def _one_proxy(self, port: int) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chaos.embedded.appproxy", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            pass_fds=self._descriptors,
        )
        self._process, self.pid = process, process.pid
        try:
            assert process.stdin is not None, "it was started with a pipe"  # noqa: S101
            process.stdin.write(json.dumps({**self._settings, "link": port}).encode() + b"\n")
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    @property
    def link(self) -> LinkSaid:
        """The link to the proxy: it stands if the proxy has acknowledged the latest table over it."""
        return LinkSaid(self._writer is not None and self._acknowledged_here >= self._generation, self._since)

    def publish(self) -> int:
        """Send the route table as it is now; its generation."""
        self._generation += 1
        self._send_table()
        return self._generation

    async def settled(self, generation: int, seconds: float) -> bool:
        """Wait until the proxy routes by this generation or a later one. False if it did not in time."""
        return await self.until(lambda: self._acknowledged >= generation, seconds)

    async def quiet(self, model: str, generation: int, seconds: float) -> bool:
        """Wait until, as of this generation or later, no request of a model waits or is in flight."""
        return await self.until(lambda: self._quiet.get(model, 0) >= generation, seconds)

    async def ask_queues(self) -> dict[str, int]:
        """How many requests wait for each model; the last that is known if the proxy does not say."""
        self._asked += 1
        number = self._asked
        self._send(ask=number)
        await self.until(lambda: self._told >= number, ASK_SECONDS)
        return self._queues

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until something that the proxy says, or :meth:`wake`, makes a condition true. False if it is late."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._news.wait()
        except TimeoutError:
            return condition()
        return True

    def wake(self) -> None:
        """Have everyone in :meth:`until` look again."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def count(self, status: int) -> None:
        """Have the proxy's metrics count an answer of the manager's own."""
        self._send(counted=status)

    async def stop(self) -> None:
        """Have the proxy flush its answers and end, within a bounded time; then it is killed by :meth:`run`'s end."""
        self._stopping = True
        self._send(stop=1)
        process = self._process
        if process is not None and process.returncode is None and self._writer is not None:
            await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=STOP_SECONDS)
        try:
            await self.proxies.clear()
        except ChaosError as error:
            sys.stderr.write(f"the links' proxies are left: {error}\n")

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the link; the newest is the one in use."""
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                hello = json.loads(await reader.readline())
            token = str(hello.get("hello", "")) if isinstance(hello, dict) else ""
            if not hmac.compare_digest(token.encode(), str(self._settings["token"]).encode()):
                return
            if self._writer is not None:
                self._writer.transport.abort()
            self._writer = writer
            self.connected.clear()
            self._acknowledged_here = -1
            self._send_table()
            pulse = Pulse()
            async with beating(pulse, lambda: self._send(beat=1), writer):
                while line := await reader.readline():
                    pulse.silent = 0
                    self._hear(json.loads(line))
        except (OSError, TimeoutError, ValueError):
            return  # cut or garbled: the proxy connects again
        finally:
            if self._writer is writer:
                self._writer = None
                self._since = time.monotonic()
                self.connected.clear()
            writer.transport.abort()

    def _hear(self, message: dict[str, Any]) -> None:
        if "call" in message:
            assert self._tasks is not None, "sessions are served while run runs"  # noqa: S101
            self._tasks.create_task(self._answer(message))
            return
        if "ack" in message:
            self._acknowledged = max(self._acknowledged, message["ack"])
            if self._acknowledged_here < 0:
                self._since = time.monotonic()
            self._acknowledged_here = message["ack"]
        elif "up" in message:
            self.connected.add(message["up"])
            self.links[message["up"]] = LinkSaid(True, message["since"])
        elif "down" in message:
            self.connected.discard(message["down"])
            self.links[message["down"]] = LinkSaid(False, message["since"])
        elif "drained" in message:
            self.drained.add(message["drained"])
        elif "quiet" in message:
            self._quiet[message["quiet"]] = message["generation"]
        elif "queues" in message:
            self._queues, self._told = message["queues"], max(self._told, message["asked"])
        elif "stuck" in message:
            self._stuck(message["stuck"])
        elif "beat" in message:
            return  # that it came is all that it says
        self.wake()

    async def _answer(self, call: dict[str, Any]) -> None:
        if self.control is not None:
            status, body = await self.control(call["method"], call["path"], call["body"])
            self._send(answer=call["call"], status=status, body=body)

    def _send_table(self) -> None:
        table = self._snapshot(self._generation)
        there = {route.id for route in table.replicas}
        # what was said of those that are gone is kept by nobody else
        self.drained &= there
        names = {route.name for route in table.models}
        self._quiet = {model: since for model, since in self._quiet.items() if model in names}
        self.links = {replica: said for replica, said in self.links.items() if replica in there}
        self._send(table=table.to_json())

    def _send(self, **message: Any) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(message).encode() + b"\n")
