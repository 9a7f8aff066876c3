"""What a fault has started through its context: traffic workers and helper processes, ended before it is reverted."""

from __future__ import annotations

import anyio

from chaos.faults.helper import Helper
from chaos.traffic.running import RunningTraffic

__all__ = ["Started"]

END_SECONDS = 15.0


class Started:
    """Collects what has to be ended."""

    def __init__(self) -> None:
        self._traffic: list[RunningTraffic] = []
        self._helpers: list[Helper] = []

    def traffic(self, running: RunningTraffic) -> RunningTraffic:
        """Have a traffic worker ended."""
        self._traffic.append(running)
        return running

    def helper(self, helper: Helper) -> Helper:
        """Have a helper process ended."""
        self._helpers.append(helper)
        return helper

    async def end(self) -> None:
        """End all of them, side by side; the latest first within each kind. Idempotent."""
        with anyio.move_on_after(END_SECONDS):
            async with anyio.create_task_group() as tasks:
                while self._traffic:
                    tasks.start_soon(self._traffic.pop().stop)
                while self._helpers:
                    tasks.start_soon(self._helpers.pop().end)
