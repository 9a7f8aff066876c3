"""A traffic worker as the session sees it: a process that is started, listened to, told, and always reaped."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Any

import anyio
from anyio.abc import Process

from chaos.errors import ChaosError
from chaos.traffic.spec import WorkerSpec

__all__ = ["TrafficWorker"]

_MOST_STDERR = 2000
_REAP_SECONDS = 10.0


class TrafficWorker:
    """Runs one worker process for as long as the context lasts; whatever ends it, the process is gone after.

    ::

        async with TrafficWorker(spec) as worker:
            async for frame in worker.frames():
                …
            await worker.stop(5.0)
    """

    def __init__(self, spec: WorkerSpec) -> None:
        self.spec = spec
        self._process: Process | None = None
        self._stderr: IO[bytes] | None = None
        self._reading = False
        self._stopping = False
        self._said = ""

    @property
    def pid(self) -> int:
        """The worker's process id; it exists from entering the context on."""
        return self._running.pid

    async def __aenter__(self) -> TrafficWorker:
        """Start the process and tell it what to do.

        :raises ChaosError: if it dies at once
        """
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = await anyio.open_process(
                [sys.executable, "-m", "chaos.traffic.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
            )
            await self._write(self.spec.to_json())
        except BaseException:
            await self._reap()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Kill the process if it still runs, and reap it."""
        await self._reap()

    async def frames(self) -> AsyncIterator[dict[str, Any]]:
        """The frames of :mod:`chaos.traffic.spec` as they come, until the worker was stopped; for one reader.

        :raises ChaosError: with the worker's own words, if it ends without having been told to
        """
        process = self._running
        assert process.stdout is not None  # noqa: S101
        if self._reading:
            raise RuntimeError("the frames of a worker are for one reader")
        self._reading = True
        pending: list[bytes] = []
        try:
            async for chunk in process.stdout:
                head, *rest = chunk.split(b"\n")
                pending.append(head)
                for piece in rest:
                    frame: dict[str, Any] = json.loads(b"".join(pending))
                    pending = [piece]
                    if frame["kind"] == "error":
                        self._said = frame["message"]
                    else:
                        yield frame
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            raise self._died() from error
        finally:
            self._reading = False
        await process.wait()
        if self._said or not self._stopping:
            raise self._died()

    async def command(self, command: dict[str, str]) -> None:
        """Tell the worker something, such as ``{"command": "start", "stream": "victim"}``.

        :raises ChaosError: if it is not there to hear it
        """
        await self._write(json.dumps(command))

    async def stop(self, deadline: float) -> None:
        """Have it plan nothing more and wait up to ``deadline`` seconds for what is in flight; then kill it.

        Whoever reads :meth:`frames` still gets the last ones; a worker that was killed shows what was
        in flight in the counters of the last it sent. Idempotent; a worker that has died is no error here.
        """
        process = self._running
        self._stopping = True
        with anyio.move_on_after(deadline):
            with contextlib.suppress(ChaosError):  # it has ended already, and frames() tells why
                await self._write('{"command":"stop"}')
            if not self._reading:
                await self._read_to_end()
            await process.wait()
        if process.returncode is None:
            process.kill()
            with anyio.fail_after(_REAP_SECONDS, shield=True):
                await process.wait()

    async def _read_to_end(self) -> None:
        """Take what nobody else takes, so that a full pipe does not keep the worker from ending."""
        stdout = self._running.stdout
        assert stdout is not None  # noqa: S101
        try:
            async for _ in stdout:
                pass
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return

    async def _write(self, line: str) -> None:
        stdin = self._running.stdin
        assert stdin is not None  # noqa: S101
        try:
            await stdin.send(line.encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as error:
            raise self._died() from error

    async def _reap(self) -> None:
        try:
            if self._process is not None:
                if self._process.returncode is None:
                    self._process.kill()
                with anyio.CancelScope(shield=True), anyio.fail_after(_REAP_SECONDS):
                    await self._process.wait()
                    await self._process.aclose()
        finally:
            if self._stderr is not None:
                self._stderr.close()

    def _died(self) -> ChaosError:
        words = self._said
        if not words and self._stderr is not None and not self._stderr.closed:
            self._stderr.seek(0)
            words = self._stderr.read()[-_MOST_STDERR:].decode(errors="replace").strip()
        code = self._running.returncode
        how = "has closed its pipes" if code is None else f"ended with code {code}"
        return ChaosError(f"traffic worker {self.spec.worker!r} {how}: {words or 'it left no word'}")

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("the worker runs only within its context (async with TrafficWorker(spec))")
        return self._process
