"""The fault proxy as a process of the harness: started, listened to, and always reaped."""

from __future__ import annotations

import json
import subprocess
import sys

import anyio
from anyio.abc import Process

from chaos.errors import ChaosError
from chaos.readiness import first_line

__all__ = ["FaultProxy"]

START_SECONDS = 15.0
STOP_SECONDS = 3.0


class FaultProxy:
    """Runs one fault proxy for as long as the context lasts; ``api`` is the ``host:port`` of its API.

    :param seed: decides which connections a toxicity below 1 hits
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._process: Process | None = None
        self.api = ""

    @property
    def pid(self) -> int:
        """Its process id, -1 while it does not run."""
        return self._process.pid if self._process is not None else -1

    async def __aenter__(self) -> FaultProxy:
        """Start it; return when its API answers.

        :raises ChaosError: if it does not start, in its own words
        """
        command = [sys.executable, "-m", "chaos.proxy", "--api", "127.0.0.1:0", "--seed", str(self._seed)]
        process = self._process = await anyio.open_process(
            [*command, "--lifeline"], stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            line = b""
            with anyio.move_on_after(START_SECONDS):
                line = await first_line(process)
            try:
                answer = json.loads(line)
                self.api = str(answer["api"])
            except (ValueError, KeyError, TypeError):
                said = line.decode(errors="replace").strip() or "nothing"
                raise ChaosError(
                    f"the fault proxy did not start, and said {said} (by hand: {' '.join(command[1:])})"
                ) from None
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Let it end, and kill it if it does not."""
        await self._end()

    async def _end(self) -> None:
        process, self._process, self.api = self._process, None, ""
        if process is None:
            return
        with anyio.CancelScope(shield=True):
            if process.stdin is not None:
                await process.stdin.aclose()
            with anyio.move_on_after(STOP_SECONDS):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            await process.aclose()
