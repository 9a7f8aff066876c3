"""The manager's side of the fork server: start it, ask it for replicas, hear what becomes of them.

When it dies its replicas die too; then it is started anew, and whoever waits for a replica is told.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from chaos.cgroups import empty_tree

__all__ = ["Child", "Death", "Forks", "SpawnFailed"]

_LINE_LIMIT = 64 * 1024
RESTART_SECONDS = 0.02


class SpawnFailed(Exception):  # noqa: N818
    """A replica did not get ready; the message is why. ``broken`` if its package is to blame."""

    def __init__(self, message: str, broken: bool = True) -> None:
        self.broken = broken
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Death:
    """How a replica ended: by a signal, or by itself with a code.

    ``oom`` says who ended it for want of memory: the ``kernel``, or the ``limit`` that it set itself; else empty.
    """

    signal: int = 0
    code: int = 0
    oom: Literal["kernel", "limit", ""] = ""

    @property
    def killed(self) -> bool:
        """Whether it did not end of its own accord."""
        return bool(self.signal or self.oom)

    def __str__(self) -> str:
        if self.oom:
            return "out of memory, ended by the " + ("kernel" if self.oom == "kernel" else "platform's limit")
        return f"signal {self.signal}" if self.signal else f"exit code {self.code}"


@dataclass(slots=True, eq=False)
class Child:
    """One replica process. ``exited`` is set whatever way it ends; ``overdue`` if its handler took too long."""

    id: int
    pid: int = -1
    port: int = 0
    doomed: bool = False
    overdue: bool = False
    ready: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    exited: asyncio.Future[Death] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Forks:
    """Keeps one fork server running while :meth:`run` runs.

    :param memory: each replica's limit in bytes over its base
    :param tree: the cgroup below which each replica gets its own; empty for none
    :param log: where its standard error, and with it all that handlers print, goes
    :param executions: the file in which replicas note what they are given; empty: nowhere
    :param crossed: whether they have the defect of that name
    :param keeps: what a defective fork server keeps of replicas that are gone: ``ports``, ``cgroups``
    """

    def __init__(
        self,
        token: str,
        memory: int,
        tree: str,
        log: IO[bytes] | int,
        *,
        executions: str = "",
        crossed: bool = False,
        keeps: Sequence[str] = (),
    ) -> None:
        self._token = token
        self._memory = memory
        self._tree = tree
        self._log = log
        self._executions = executions
        self._crossed = crossed
        self._keeps = tuple(keeps)
        self._children: dict[int, Child] = {}
        self._ids = itertools.count(1)
        self._process: asyncio.subprocess.Process | None = None
        self._up = asyncio.Event()

    @property
    def pid(self) -> int:
        """The fork server's process id, -1 while there is none."""
        return self._process.pid if self._process is not None else -1

    @property
    def up(self) -> asyncio.Event:
        """Set while there is a fork server."""
        return self._up

    async def run(self) -> None:
        """Start it, and start it again whenever it dies, until cancelled."""
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        while True:
            await self._sweep()
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "chaos.embedded.forkserver", str(os.getpid()), *self._keeps),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=self._log,
                env=environment,
                limit=_LINE_LIMIT,
            )
            self._process = process
            self._up.set()
            try:
                assert process.stdout is not None, "it was started with a pipe"  # noqa: S101
                while line := await process.stdout.readline():
                    self._read(line)
            finally:
                self._up.clear()
                self._process = None
                if process.returncode is None:
                    process.kill()
                await process.wait()
                self._all_gone()
            await asyncio.sleep(RESTART_SECONDS)

    async def _sweep(self) -> None:
        """Let nothing of an earlier fork server's replicas live on."""
        if self._tree:
            try:
                await asyncio.to_thread(empty_tree, Path(self._tree))
            except OSError as error:
                sys.stderr.write(f"cgroups of earlier replicas are left for the platform's end: {error}\n")

    async def spawn(self, model: str, package: str) -> Child:
        """Ask for a replica. Await its ``ready``; it fails with :class:`SpawnFailed` if it cannot load."""
        await self._up.wait()
        child = Child(next(self._ids))
        self._children[child.id] = child
        child.ready.add_done_callback(lambda future: future.cancelled() or future.exception())
        order = {
            "id": child.id,
            "model": model,
            "package": package,
            "token": self._token,
            "memory": self._memory,
            "executions": self._executions,
            "crossed": self._crossed,
            "tree": self._tree,
        }
        self._tell({"do": "spawn", **order})
        return child

    def kill(self, child: Child) -> None:
        """Kill a replica, if it still is, or as soon as it is; await ``exited``."""
        child.doomed = True
        if child.pid > 0 and not child.exited.done():
            self._tell({"do": "kill", "pid": child.pid})

    def end(self) -> None:
        """Kill the fork server, and with it all replicas, as a defect does; :meth:`run` starts another."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def _tell(self, message: dict[str, Any]) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def _read(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return  # no event of ours: a model_fn found the pipe and wrote to it
        if isinstance(event, dict) and "event" in event:
            self._hear(event)

    def _hear(self, event: dict[str, Any]) -> None:
        child = self._children.get(event["id"])
        if child is None:
            return
        match event["event"]:
            case "spawned":
                child.pid, child.port = event["pid"], event["port"]
                if child.doomed:
                    self.kill(child)
            case "ready":
                child.pid, child.port = event["pid"], event["port"]
                if not child.ready.done():
                    child.ready.set_result(None)
            case "failed":
                if not child.ready.done():
                    child.ready.set_exception(SpawnFailed(event["error"]))
                if child.pid < 0:
                    self._gone(child, Death())
            case "exited":
                self._gone(child, Death(event["signal"], event["code"], event["oom"]))

    def _all_gone(self) -> None:
        for child in list(self._children.values()):
            if not child.ready.done():
                child.ready.set_exception(SpawnFailed("the fork server died", broken=False))
            self._gone(child, Death(signal.SIGKILL))

    def _gone(self, child: Child, death: Death) -> None:
        self._children.pop(child.id, None)
        if not child.ready.done():
            child.ready.set_exception(
                SpawnFailed(f"the worker process ended while it loaded the model: {death}")
            )
        if not child.exited.done():
            child.exited.set_result(death)
