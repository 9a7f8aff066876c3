"""The embedded platform as a target: started for the run as a process of its own, stopped at its end.

``embedded`` alone will do. Options: ``defect`` (a name, may come more than once), ``models`` (a further directory
of handler packages), and ``inference``, ``management``, ``metrics`` (ports; free ones are taken if not given).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread
import psutil
from anyio.abc import Process

from chaos.errors import TargetError
from chaos.targets.base import ModelState, Target
from chaos.targets.context import TargetContext, recorded
from chaos.targets.processes import alive, listeners, port_is_free, session_members, tree
from chaos.targets.torchserve import TorchServe
from chaos.targets.url import TargetURL
from chaos.traffic.spec import HttpRequest

__all__ = ["Embedded", "open_target"]

PLATFORM = ("-m", "chaos.embedded")
PORTS = ("inference", "management", "metrics")
OPTIONS = ("defect", "models", *PORTS)
START_SECONDS = 30.0
STOP_SECONDS = 10.0
LAST_SECONDS = 2.0
"""How long its processes may outlive the platform's manager: they end when they notice."""
KILL_SECONDS = 5.0
LINE_BYTES = 65536
LOG = "platform.log"


def open_target(url: TargetURL, context: TargetContext) -> Target:
    """Entry point: an embedded platform that :meth:`Embedded.open` starts."""
    url.check_options(OPTIONS)
    if url.base:
        raise TargetError(
            f"target {url.text}: the embedded platform is started for the run and takes no address "
            "(write 'embedded'; for one that runs already, torchserve+http://…?store=plain)"
        )
    return Embedded(url, context)


class Embedded:
    """The embedded platform, spoken to as the TorchServe that it looks like."""

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        self.url = url.text
        self._context = context
        named = [part for name, value in url.options if name == "defect" for part in value.split(",") if part]
        self._defects = tuple(dict.fromkeys((*named, *context.defects)))
        self._ports = {name: _port(url, name) for name in PORTS}
        self._models = _directory(url)
        self._process: Process | None = None
        self._server: TorchServe | None = None
        self.address: TargetURL | None = None
        """Where it serves while it is open, as another target could be told."""

    async def open(self) -> None:
        """Start it; return when it serves, on ports that are its own.

        :raises TargetError: if it does not start, in its own words
        """
        try:
            with recorded(self._context.record, "start"):
                ready = await self._start()
                await anyio.to_thread.run_sync(self._check_owner, ready)
            text = (
                f"torchserve+http://127.0.0.1:{ready['inference']}"
                f"?management={ready['management']}&metrics={ready['metrics']}&store=plain"
            )
            self.address = TargetURL.parse(text, ["torchserve"])
            self._server = TorchServe(self.address, self._context)
            await self._server.open()
        except BaseException:
            with anyio.CancelScope(shield=True), suppress(TargetError):
                await self.close()
            raise

    async def close(self) -> None:
        """End of file tells it to stop in order; what is left after the deadline is killed, pid by pid."""
        server, self._server, self.address = self._server, None, None
        if server is not None:
            await server.close()
        process, self._process = self._process, None
        if process is None:
            return
        with recorded(self._context.record, "stop"), anyio.CancelScope(shield=True):
            if process.stdin is not None:
                await process.stdin.aclose()
            with anyio.move_on_after(STOP_SECONDS):
                await process.wait()
            killed = await anyio.to_thread.run_sync(_kill_session, process.pid)
            await process.aclose()
            if killed:
                raise TargetError(
                    f"target {self.url}: it did not stop within {STOP_SECONDS:g} s and was killed, pids {killed}"
                    f"{self._see_log()}"
                )

    async def healthy(self) -> bool:
        """Whether it runs and says that it can serve."""
        return self._server is not None and await self._server.healthy()

    def infer_request(self, model: str, payload: object) -> HttpRequest:
        """A prediction, as TorchServe takes it."""
        return self._opened().infer_request(model, payload)

    async def register(self, model: str, package: str, workers: int) -> None:
        """Serve a handler package of the platform, or of the directory ``models``."""
        await self._opened().register(model, package, workers)

    async def unregister(self, model: str) -> None:
        """Drain it and let it go; that it is not there is no error."""
        await self._opened().unregister(model)

    async def scale(self, model: str, workers: int) -> None:
        """Return when exactly that many replicas are ready."""
        await self._opened().scale(model, workers)

    async def models(self) -> list[str]:
        """The names of all models, sorted."""
        return await self._opened().models()

    async def describe(self, model: str) -> ModelState:
        """What the platform says of a model."""
        return await self._opened().describe(model)

    def pids(self) -> list[int]:
        """The platform's manager, from which all its processes descend."""
        return [self._process.pid] if self._process is not None and self._process.returncode is None else []

    def _opened(self) -> TorchServe:
        if self._server is None:
            raise TargetError(f"target {self.url}: it is not open")
        return self._server

    async def _start(self) -> dict[str, int]:
        for name, port in self._ports.items():
            if port and not port_is_free(port):
                raise TargetError(
                    f"target {self.url}: port {port}, asked for by option '{name}', is in use"
                    f"{await anyio.to_thread.run_sync(_who, port)} (choose another, or leave the option out)"
                )
        command = [sys.executable, *PLATFORM]
        for name, port in self._ports.items():
            command += [f"--{name}", str(port)] if port else []
        for defect in self._defects:
            command += ["--defect", defect]
        if self._models is not None:
            command += ["--models", str(self._models)]
        if self._context.directory is not None:
            command += ["--log", str(self._context.directory / LOG)]
        # a session of its own: Ctrl-C is the harness's to handle
        process = self._process = await anyio.open_process(
            command, stderr=subprocess.DEVNULL, start_new_session=True
        )
        line = b""
        with anyio.move_on_after(START_SECONDS) as waited:
            line = await _line(process)
        if waited.cancelled_caught:
            raise TargetError(
                f"target {self.url}: it was not ready after {START_SECONDS:g} s{self._see_log()}"
            )
        return self._understand(line)

    def _understand(self, line: bytes) -> dict[str, int]:
        try:
            answer = json.loads(line)
            if "error" in answer:
                raise TargetError(f"target {self.url}: {answer['error']}")
            return {name: int(answer[name]) for name in PORTS}
        except (ValueError, KeyError, TypeError):
            said = line.decode("utf-8", "replace").strip()[:200]
            raise TargetError(
                f"target {self.url}: it ended without a word{self._see_log()}"
                if not said
                else f"target {self.url}: it did not start, and said '{said}'{self._see_log()}"
            ) from None

    def _check_owner(self, ready: dict[str, int]) -> None:
        """Hold the ports against the processes: a port that answers may be somebody else's (D12)."""
        assert self._process is not None  # noqa: S101
        family = {process.pid for process in tree(self._process.pid)}
        for name in PORTS:
            owners = set(listeners(ready[name]))
            if owners and not owners <= family:
                others = ", ".join(map(str, sorted(owners - family)))
                raise TargetError(
                    f"target {self.url}: the {name} port {ready[name]} belongs to another process (pid {others}) "
                    "as well (end it, or choose another port)"
                )

    def _see_log(self) -> str:
        directory = self._context.directory
        return (
            f" (see {directory / LOG})"
            if directory is not None
            else " (run it by hand: python -m chaos.embedded)"
        )


async def _line(process: Process) -> bytes:
    """The first line of its standard output, or all of it if it ends before."""
    received = b""
    assert process.stdout is not None  # noqa: S101
    with suppress(anyio.EndOfStream):
        while b"\n" not in received and len(received) < LINE_BYTES:
            received += await process.stdout.receive()
    return received.partition(b"\n")[0]


def _kill_session(session: int) -> list[int]:
    """Kill what is left of the platform's session, and say what that was; the dead that nobody waited for are not."""
    killed: set[int] = set()
    start = time.monotonic()
    while left := [process for process in session_members(session) if alive(process)]:
        passed = time.monotonic() - start
        if passed > LAST_SECONDS + KILL_SECONDS:
            break
        for process in left if passed > LAST_SECONDS else ():
            killed.add(process.pid)
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=0.05)
    return sorted(killed)


def _port(url: TargetURL, name: str) -> int:
    value = url.option(name, "0")
    if not (value.isascii() and value.isdecimal() and int(value) < 65536):
        raise TargetError(f"target {url.text}: option '{name}' is a port, not '{value}'")
    return int(value)


def _directory(url: TargetURL) -> Path | None:
    value = url.option("models")
    if value and not Path(value).is_dir():
        raise TargetError(f"target {url.text}: option 'models': there is no directory '{value}'")
    return Path(value).resolve() if value else None


def _who(port: int) -> str:
    names = []
    for pid in listeners(port):
        with suppress(psutil.NoSuchProcess):
            names.append(f"{psutil.Process(pid).name()}, pid {pid}")
    return f" by another process ({'; '.join(names)})" if names else ""
