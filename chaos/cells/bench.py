"""What a procedure works with: the target, load, control-plane calls that are recorded, looks at what runs, notes."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import anyio

from chaos.cells.load import Loading, Plan, loading
from chaos.errors import TargetError
from chaos.properties.record import Requests
from chaos.targets.base import Register, RegisterBatched, Target, need
from chaos.targets.context import UnansweredError
from chaos.targets.http import RefusedError
from chaos.targets.looking import Look, look_at
from chaos.traffic.spec import Arrivals, HttpRequest

__all__ = ["Bench", "Called", "Procedure"]

CLEAN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Called:
    """How one control-plane call ended: ``ok``, ``fail`` (refused; ``status`` is then the HTTP status, 0 if there is
    none) or ``info`` (nobody knows); its instants on the monotonic clock."""

    outcome: Literal["ok", "fail", "info"]
    status: int
    start: float
    end: float
    detail: str

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


class Procedure(Protocol):
    """How one property is measured. ``together``: whether several APIs may honestly be measured at once.

    ``defaults`` are its settings by name, numbers that a user may change; they are recorded with each cell.
    """

    code: str
    together: bool
    defaults: Mapping[str, float]

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """Do, and note, all that the property needs to be judged; leave the target as it was.

        :raises CapabilityError: if the target lacks what it takes: the cell is then not applicable
        :raises ChaosError: if it cannot be measured: the cell is then unknown, with these words
        """


class Bench:
    """The workplace of one cell.

    :param emit: writes an event: kind, ``at`` (default: now), values
    :param tag: stands in the names of all its models; whoever has to clean up after a killed run knows them by it
    """

    def __init__(
        self,
        target: Target,
        apis: Sequence[str],
        code: str,
        seed: int,
        settings: Mapping[str, float],
        emit: Callable[..., Any],
        tag: str = "",
    ) -> None:
        self.target = target
        self.apis, self.code, self.seed = tuple(apis), code, seed
        self.settings = settings
        self.random = random.Random(f"{seed}/{code}/{','.join(apis)}")
        self.emit = emit
        self._tag = tag
        self._names = 0

    def note(self, about: str, at: float | None = None, **values: object) -> None:
        """Write down something that the property is judged by."""
        self.emit("note", at, about=about, **values)

    def model(self, label: str = "model") -> str:
        """A model name that nobody else has."""
        self._names += 1
        return f"{label}-{self.code.lower()}{self._names}-{self._tag}{secrets.token_hex(3)}"

    async def call(
        self, operation: str, model: str, awaitable: Awaitable[object], **values: object
    ) -> Called:
        """Await a control-plane call and record it as a ``call`` event; to be refused is a result, no error."""
        start = time.monotonic()
        outcome: Literal["ok", "fail", "info"] = "info"
        status, detail = 0, "cut short"
        try:
            await awaitable
            outcome, status, detail = "ok", 200, ""
        except UnansweredError as error:
            detail = str(error)
        except TargetError as error:
            outcome, detail = "fail", str(error)
            status = error.status if isinstance(error, RefusedError) else 0
        finally:
            end = time.monotonic()
            told = {"operation": operation, "model": model, "outcome": outcome, "status": status}
            self.emit("call", end, start=start, end=end, detail=detail, **told, **values)
        return Called(outcome, status, start, end, detail)

    async def look(self, models: Sequence[str]) -> Look:
        """See what the target says of these models and what runs, and record it as a ``state`` event."""
        look = await look_at(self.target, models)
        self.emit("state", **look.values())
        return look

    @asynccontextmanager
    async def loading(self, plans: Mapping[str, Plan]) -> AsyncIterator[Loading]:
        """Run loads while the block runs; see :func:`chaos.cells.load.loading`."""
        async with loading(plans, self.emit, self.random.randrange(2**31)) as running:
            yield running

    async def load(
        self, name: str, request: HttpRequest, arrivals: Arrivals, seconds: float, timeout: float = 10.0
    ) -> Requests:
        """One load for so long; its requests when all have ended."""
        async with self.loading({name: Plan(request, arrivals, timeout)}) as running:
            await anyio.sleep(seconds)
        return running.requests(name)

    @asynccontextmanager
    async def serving(self, package: str, workers: int = 1, label: str = "model") -> AsyncIterator[str]:
        """A model of its own while the block runs; its name.

        :raises CapabilityError: if the target takes no models
        :raises TargetError: if it does not take this one
        """
        model = self.model(label)
        register = need(self.target, Register)
        async with self._gone_after(model):
            await register.register(model, package, workers)
            yield model

    @asynccontextmanager
    async def batched(self, package: str, workers: int, size: int, delay: float) -> AsyncIterator[str]:
        """A model that is served in batches, up to ``size`` requests in ``delay`` seconds, while the block runs.

        :raises CapabilityError: if the target makes no batches
        :raises TargetError: if it does not take this one
        """
        model = self.model("batched")
        register = need(self.target, RegisterBatched)
        async with self._gone_after(model):
            await register.register_batched(model, package, workers, size, delay)
            yield model

    @asynccontextmanager
    async def _gone_after(self, model: str) -> AsyncIterator[None]:
        register = need(self.target, Register)
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLEAN_SECONDS):
                await register.unregister(model)
