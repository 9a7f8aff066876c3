"""A process that does a fault's work, such as burning CPU: dies with the harness, and is found by its mark.

The mark is an environment variable that holds the lease. Whoever reverts a lease first ends every process that
bears it, so that nothing a dead harness had started can act after the revert.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import anyio
from anyio.abc import Process

from chaos.errors import ChaosError
from chaos.marks import LEASE
from chaos.readiness import first_line

__all__ = ["Helper", "start_helper"]

READY_SECONDS = 15.0
REAP_SECONDS = 5.0


class Helper:
    """A running helper process, started by :func:`start_helper`. ``ready`` is the JSON object it said."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.ready: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.returncode is None

    async def end(self) -> None:
        """Kill it and reap it. Idempotent."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(REAP_SECONDS):
            if self.alive:
                with suppress(ProcessLookupError):
                    self.process.kill()
            await self.process.wait()
            await self.process.aclose()


async def start_helper(command: Sequence[str], lease: str) -> Helper:
    """Start ``python -m`` with these words; return when it has printed one line of JSON.

    The module calls ``chaos.lifeline.die_with_parent()`` and ``watch_pipe(0)`` first. ``{"error": …}`` as its line
    says why it could not start.

    :raises ChaosError: if it ends, says an error, or says nothing in time
    """
    process = await anyio.open_process(
        [sys.executable, "-m", *command],
        env={**os.environ, LEASE: lease},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    helper = Helper(process)
    try:
        helper.ready = await _ready(process, command[0])
    except BaseException:
        await helper.end()
        raise
    return helper


async def _ready(process: Process, name: str) -> dict[str, Any]:
    line = b""
    with anyio.move_on_after(READY_SECONDS) as waited:
        line = await first_line(process)
    if waited.cancelled_caught:
        raise ChaosError(f"helper {name}: not ready within {READY_SECONDS:g} s")
    try:
        answer = json.loads(line)
    except ValueError:
        raise ChaosError(
            f"helper {name}: it ended without a word (run it by hand: python -m {name})"
        ) from None
    if not isinstance(answer, dict) or "error" in answer:
        raise ChaosError(f"helper {name}: {answer['error'] if isinstance(answer, dict) else answer}")
    return answer
