"""Runs one program against a target, and cleans up after it whatever it did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import anyio

from chaos.cells.standing import at_rest, known, removed
from chaos.errors import TargetError
from chaos.history import Event
from chaos.operations.lanes import Lanes, fresh_name
from chaos.operations.program import Inject, Program, Quiesce, Revert, Step, lanes_of
from chaos.operations.record import CHANGES, ProgramRecord
from chaos.operations.reference import Reference
from chaos.properties.standing import State, differences
from chaos.targets.base import Limits, Target

__all__ = ["Bounds", "Injector", "Running"]

MOMENT_SECONDS = 0.1
"""How long what stands at the end must stay so."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long things may take, in seconds: an ``answer``, and coming to ``rest`` after a step, and at the end."""

    answer: float = 15.0
    rest: float = 8.0


class Injector(Protocol):
    """Holds faults for a program."""

    async def inject(self, name: str, arguments: Mapping[str, Any]) -> Callable[[], Awaitable[None]]:
        """Return when it is in force, with what reverts it.

        :raises FaultError: if it cannot be
        """


class Running:
    """Runs programs, one after another; ``record`` of each is made of its events.

    :param tag: in the names of all models
    :param emit: writes an event to the history
    """

    def __init__(
        self,
        target: Target,
        tag: str,
        emit: Callable[..., Event],
        injector: Injector | None = None,
        bounds: Bounds | None = None,
        reloads: bool = False,
    ) -> None:
        self._target = target
        self._tag = tag
        self._emit = emit
        self._injector = injector
        self._bounds = bounds or Bounds()
        self._reloads = reloads

    async def run(self, program: Program, example: int = 0) -> ProgramRecord:
        """Run it, and leave nothing of it.

        :raises CapabilityError: if the target has no such operation
        :raises TargetError: if what stands cannot be read before it begins
        """
        names = {model: fresh_name(model, self._tag) for model in program.models}
        events: list[Event] = []

        def emit(kind: str, at: float | None = None, **values: object) -> None:
            events.append(self._emit(kind, at, **values))

        before = await known(self._target, self._bounds.rest)
        if before["error"]:
            raise TargetError(f"what the target serves cannot be read: {before['error']}")
        limits = await self._target.limits() if isinstance(self._target, Limits) else None
        emit(
            "program",
            example=example,
            steps=program.document(),
            names=names,
            limits=None if limits is None else asdict(limits),
            reloads=self._reloads,
        )
        emit("standing", when="before", step=-1, state=before, rest=0.0)
        reference = Reference(names, before, limits, self._reloads)
        one = _One(self._target, names, reference, emit, self._bounds, self._injector, events)
        try:
            await one.steps(program)
        finally:
            with anyio.CancelScope(shield=True):
                await self._clean(names, before, emit)
        return ProgramRecord(events)

    async def _clean(self, names: Mapping[str, str], before: State, emit: Callable[..., None]) -> None:
        for name in names.values():
            await removed(self._target, name, self._bounds.rest)
        state, rest = await at_rest(
            self._target, lambda now: differences(before, now), self._bounds.rest, quiet=0.0
        )
        emit("standing", when="clean", step=-1, state=state, rest=rest)


class _One:
    """One program under way."""

    def __init__(
        self,
        target: Target,
        names: Mapping[str, str],
        reference: Reference,
        emit: Callable[..., None],
        bounds: Bounds,
        injector: Injector | None,
        events: Sequence[Event],
    ) -> None:
        self._target, self._names, self._emit, self._bounds = target, names, emit, bounds
        self._reference, self._injector, self._events = reference, injector, events
        self._lanes = Lanes(target, names, bounds.answer, emit)
        self._held: dict[str, Callable[[], Awaitable[None]]] = {}

    async def steps(self, program: Program) -> None:
        """All of them; then faults are reverted, and it comes to rest."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._revert_all)
            for number, step in enumerate(program.steps):
                await self._step(number, step)
        state, rest = await at_rest(self._target, self._reference.wrong, self._bounds.rest, MOMENT_SECONDS)
        self._emit("standing", when="end", step=len(program.steps), state=state, rest=rest)

    async def _step(self, number: int, step: Step) -> None:
        match step:
            case Inject(inject=name, id=lease, arguments=arguments):
                assert self._injector is not None, "programs with faults need an injector"  # noqa: S101
                self._held[lease] = await self._injector.inject(name, self._real(arguments))
                self._reference.unsure()
            case Revert(revert=lease):
                await self._held.pop(lease)()
                await self._look(number)
            case Quiesce():
                if not self._held:
                    await self._look(number, MOMENT_SECONDS)
            case _:
                lanes = lanes_of(step)
                await self._lanes.run(number, lanes)
                done = ProgramRecord(self._events).of_step(number)
                self._reference.apply(done)
                if self._held:
                    self._reference.unsure()
                elif any(each.operation in CHANGES for each in done):
                    await self._look(number)

    async def _look(self, number: int, quiet: float = 0.0) -> None:
        """Wait until what stands is what must."""
        state, rest = await at_rest(self._target, self._reference.wrong, self._bounds.rest, quiet)
        self._emit("standing", when="step", step=number, state=state, rest=rest)
        self._reference.saw(state)

    async def _revert_all(self) -> None:
        while self._held:
            _, revert = self._held.popitem()
            await revert()

    def _real(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """A fault's arguments, with the real name of its model."""
        real = self._names.get(str(arguments.get("model", "")))
        return {**arguments, **({"model": real} if real is not None else {})}
