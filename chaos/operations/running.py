"""Runs a program against a target, step by step, and cleans up after it whatever it did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import anyio

from chaos.cells.standing import at_rest, known, removed
from chaos.errors import TargetError
from chaos.faults.base import FaultError
from chaos.history import Event
from chaos.operations.lanes import Lanes, fresh_name
from chaos.operations.program import Inject, Program, Quiesce, Revert, Step, lanes_of, models_of
from chaos.operations.record import CHANGES, ProgramRecord
from chaos.operations.reference import Reference
from chaos.properties.standing import State, differences
from chaos.targets.base import Limits, Scale, Target

__all__ = ["Bounds", "Injector", "Running", "Underway"]

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
        :raises DocumentError: if there is no such fault, or its arguments do not fit
        """


@dataclass(frozen=True, slots=True)
class Running:
    """How programs are run: where, under which ``tag`` in the names of all models, and with ``emit``, which writes an
    event to the history."""

    target: Target
    tag: str
    emit: Callable[..., Event]
    injector: Injector | None = None
    bounds: Bounds = Bounds()

    async def run(self, program: Program, **about: Any) -> ProgramRecord:
        """Run a program, and leave nothing of it. After a step that leaves what must not be the others are not run.

        :param about: what else its ``program`` event says
        :raises CapabilityError: if the target has no such operation
        :raises TargetError: if what stands cannot be read before it begins
        """
        made = await Underway.begin(self, program.document(), program.models, **about)
        try:
            for step in program.steps:
                await made.step(step)
                if made.lost:
                    break
            else:
                await made.rest()
        finally:
            await made.clean()
        return ProgramRecord(made.events)


class Underway:
    """A program under way. Made by :meth:`begin`; then its steps, :meth:`rest`, and :meth:`clean` whatever came."""

    def __init__(self, how: Running, before: State, reference: Reference, names: dict[str, str]) -> None:
        self.events: list[Event] = []
        self.lost = False
        """Whether what stands is not what must, so that nothing after it can be judged."""
        self._how = how
        self._before = before
        self._reference = reference
        self._names = names
        self._lanes = Lanes(how.target, names, how.bounds.answer, self._emit)
        self._held: dict[str, Callable[[], Awaitable[None]]] = {}
        self._number = 0

    @classmethod
    async def begin(
        cls,
        how: Running,
        steps: list[dict[str, Any]] | None = None,
        models: tuple[str, ...] = (),
        **about: Any,
    ) -> Underway:
        """Look at what stands, and say what is to come, as far as that is known.

        :raises TargetError: if what stands cannot be read
        """
        before = await known(how.target, how.bounds.rest)
        if before["error"]:
            raise TargetError(f"what the target serves cannot be read: {before['error']}")
        limits = await how.target.limits() if isinstance(how.target, Limits) else None
        names = {model: fresh_name(model, how.tag) for model in models}
        # one that counts no workers, but loads what a repository holds, loads it again
        reloads = not isinstance(how.target, Scale)
        made = cls(how, before, Reference(names, before, limits, reloads), names)
        made._emit(
            "program",
            steps=steps or [],
            names=dict(names),
            limits=None if limits is None else asdict(limits),
            reloads=reloads,
            **about,
        )
        made._emit("standing", when="before", step=-1, state=before, rest=0.0)
        return made

    async def step(self, step: Step) -> None:
        """The next one.

        A fault that cannot be injected, such as into a model that has gone, is passed over; the history says so.

        :raises CapabilityError: if the target has no such operation
        :raises DocumentError: if there is no such fault, or its arguments do not fit
        :raises FaultError: if a fault of that name is in force already, or the one that is to be reverted never was
        """
        number, self._number = self._number, self._number + 1
        for model in set(models_of(step)) - set(self._names):
            self._names[model] = fresh_name(model, self._how.tag)
            self._reference.meet(model)
            self._emit("named", model=model, name=self._names[model])
        match step:
            case Inject():
                await self._inject(step)
            case Revert(revert=lease):
                await self._revert(lease)
                await self._look(number)
            case Quiesce():
                if not self._held:
                    await self._look(number, MOMENT_SECONDS)
            case _:
                await self._operate(number, step)

    async def rest(self) -> None:
        """At the end: faults are reverted, and all comes to rest."""
        await self._revert_all()
        state, rest = await at_rest(
            self._how.target, self._reference.wrong, self._how.bounds.rest, MOMENT_SECONDS
        )
        self._emit("standing", when="end", step=self._number, state=state, rest=rest)

    async def clean(self) -> None:
        """Take all of its models away, and look at what is left. Nothing cuts it short."""
        with anyio.CancelScope(shield=True):
            await self._revert_all()
            for name in self._names.values():
                await removed(self._how.target, name, self._how.bounds.rest)
            state, rest = await at_rest(
                self._how.target, lambda now: differences(self._before, now), self._how.bounds.rest, quiet=0.0
            )
            self._emit("standing", when="clean", step=-1, state=state, rest=rest)

    async def _operate(self, number: int, step: Step) -> None:
        try:
            await self._lanes.run(number, lanes_of(step))
        except BaseException:
            self.lost = True
            self._emit("cut", step=number)
            raise
        done = ProgramRecord(self.events).of_step(number)
        self._reference.apply(done)
        if self._held:
            self._reference.unsure()
        elif any(each.operation in CHANGES for each in done):
            await self._look(number)

    async def _look(self, number: int, quiet: float = 0.0) -> None:
        """Wait until what stands is what must."""
        state, rest = await at_rest(self._how.target, self._reference.wrong, self._how.bounds.rest, quiet)
        self._emit("standing", when="step", step=number, state=state, rest=rest)
        self._reference.saw(state)
        self.lost = rest is None

    async def _inject(self, step: Inject) -> None:
        if self._how.injector is None or step.id in self._held:
            raise FaultError(
                f"fault '{step.id}' is in force already" if step.id in self._held else "nobody holds faults"
            )
        real = self._names.get(str(step.arguments.get("model", "")))
        arguments = {**step.arguments, **({"model": real} if real is not None else {})}
        self._reference.unsure()
        try:
            self._held[step.id] = await self._how.injector.inject(step.inject, arguments)
        except FaultError:
            self._held[step.id] = _nothing

    async def _revert(self, lease: str) -> None:
        if lease not in self._held:
            raise FaultError(f"no fault '{lease}' is in force")
        await self._held.pop(lease)()

    async def _revert_all(self) -> None:
        while self._held:
            _, revert = self._held.popitem()
            await revert()

    def _emit(self, kind: str, at: float | None = None, **values: object) -> None:
        self.events.append(self._how.emit(kind, at, **values))


async def _nothing() -> None:
    """What reverts a fault that was not injected."""
