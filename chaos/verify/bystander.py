"""A model that no program is about, asked all the while: what it feels of the programs is isolation, or its lack.

Its requests come from a traffic worker, a process of its own (D3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import TaskGroup

from chaos.cells.standing import removed
from chaos.operations.bystander import rows_of
from chaos.operations.lanes import PACKAGES, fresh_name
from chaos.session.house import House
from chaos.targets.base import Infer, Register, Target, need
from chaos.traffic.running import RunningTraffic, run_traffic
from chaos.traffic.spec import NONCE, Arrivals, Stream, WorkerSpec

__all__ = ["Bystander"]

RATE = 20.0
"""Requests a second, of ``WORK_MS`` each."""
WORK_MS = 5.0
TIMEOUT_SECONDS = 5.0
LEAVE_SECONDS = 5.0
LATEST_SECONDS = 1.0
"""How long a frame that tells of the end of a program is waited for."""


class Bystander:
    """The model and its requests.

    :param tasks: outlives every program
    :param emit: takes events of kind ``bystander``
    """

    def __init__(self, house: House, tasks: TaskGroup, seed: int, emit: Callable[..., Any]) -> None:
        self._house = house
        self._tasks = tasks
        self._seed = seed
        self._emit = emit
        self._on: Target | None = None
        self._name = ""
        self._traffic: RunningTraffic | None = None
        self._seen = 0.0
        self._fed = anyio.Event()

    async def there(self) -> None:
        """Return when it is served, by whatever target stands now.

        :raises TargetError: if it cannot be registered
        """
        target = self._house.target
        if self._on is target:
            return
        await self.gone()
        name = self._name = fresh_name("bystander", self._house.tag)
        self._house.keeps(name)
        await need(target, Register).register(name, PACKAGES["good"], 1)
        payload = {"sleep_ms": WORK_MS, "nonce": NONCE}
        stream = Stream(
            "bystander",
            need(target, Infer).infer_request(name, payload),
            Arrivals("constant", RATE),
            TIMEOUT_SECONDS,
            self._seed,
        )
        spec = WorkerSpec("bystander", (stream,))
        self._on = target
        self._traffic = await self._tasks.start(run_traffic, spec, self._frame, self._report, 0.5)
        await self.until(0.0)

    async def gone(self) -> None:
        """Ask no more, and unregister it, if its target still stands."""
        traffic, self._traffic = self._traffic, None
        target, self._on = self._on, None
        if traffic is not None:
            await traffic.stop()
        if target is not None and target is self._house.target:
            await removed(target, self._name, LEAVE_SECONDS)

    async def until(self, instant: float) -> None:
        """Return when all that ended before an instant of the monotonic clock was told, or nothing comes."""
        with anyio.move_on_after(LATEST_SECONDS):
            while self._seen <= instant and self._traffic is not None and self._traffic.meter.error is None:
                await self._fed.wait()

    def _frame(self, frame: dict[str, Any]) -> None:
        rows = rows_of(frame["streams"]["bystander"])
        if rows:
            self._emit("bystander", frame["at"], rows=rows)
        self._seen = frame["at"]
        self._fed.set()
        self._fed = anyio.Event()

    def _report(self, event: str, _pid: int, reason: str) -> None:
        if event == "died":
            self._emit("problem", text=f"the worker that asks the bystander died: {reason}")
