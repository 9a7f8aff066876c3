"""Verifies a target: programs are drawn and run against it until one fails, which is then made as small as it gets.

The history (:mod:`chaos.history`) has ``verify`` when it begins, and an ``example`` for each program that was drawn;
of one that failed, and of those that it was made smaller by, all events.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from hypothesis.database import ExampleDatabase

from chaos import __version__
from chaos.errors import CapabilityError, ChaosError
from chaos.history import Event, HistoryWriter
from chaos.operations.checks.base import Check
from chaos.operations.checks.judging import CHECKS, judge
from chaos.operations.confirming import Failure, Tried, confirm, failed_checks
from chaos.operations.coverage import Coverage
from chaos.operations.drawing import Drawn, draw
from chaos.operations.injecting import LeaseInjector
from chaos.operations.machine import Programs
from chaos.operations.program import Program
from chaos.operations.running import Bounds, Running
from chaos.reporting.terminal import View
from chaos.session.books import Books
from chaos.session.contexts import Contexts
from chaos.session.house import House, Place, house
from chaos.session.leases import Leases
from chaos.session.safety import Safety, SafetyLimits
from chaos.sla.results import Verdict
from chaos.targets.base import ControlRequests, Describe, Infer, Register, Scale, Target, need
from chaos.targets.options import redacted
from chaos.traffic.running import RunningTraffic
from chaos.traffic.spec import WorkerSpec

__all__ = ["Verification", "Verifying"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What is to be verified, and how much of it."""

    run_id: str
    place: Place
    drawn: Drawn
    machine: type[Programs] = Programs
    checks: tuple[Check, ...] = CHECKS
    faults: tuple[str, ...] = ()
    database: ExampleDatabase | None = None
    bounds: Bounds = field(default_factory=Bounds)
    reloads: bool = False


class Verifying:
    """One verification under way."""

    def __init__(self, asked: Verification, view: View) -> None:
        self.asked = asked
        self.coverage = Coverage()
        self.failure: Failure | None = None
        self.unknown: list[str] = []
        """What could not be told, in words."""
        self.seconds = 0.0
        self._view = view
        self._examples = 0
        self._held: list[Event] = []

    async def run(self) -> None:
        """Draw and run; what was found by then is there, also if it is cancelled.

        :raises ChaosError: if the target cannot be opened, or lacks what every program needs
        """
        asked = self.asked
        self._history = HistoryWriter(asked.place.directory)
        began = time.monotonic()
        self._write(
            "verify",
            run_id=asked.run_id,
            target=redacted(asked.place.url),
            defects=list(asked.place.defects),
            seed=asked.drawn.seed,
            examples=asked.drawn.examples,
            steps=asked.drawn.steps,
            faults=list(asked.faults),
            version=__version__,
            wall=time.time(),
        )
        try:
            async with AsyncExitStack() as stack:
                await self._open(stack)
                await self._search()
        finally:
            self.seconds = time.monotonic() - began
            self._history.close()

    async def _open(self, stack: AsyncExitStack) -> None:
        asked = self.asked
        directory = asked.place.directory
        books = Books(asked.run_id, redacted(asked.place.url), directory, self._problem)
        await stack.enter_async_context(books)
        self._tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(self._tasks.cancel_scope.cancel)
        self._tasks.start_soon(books.watch)
        self._house: House = await stack.enter_async_context(house(asked.place, books.owe, self._problem))
        for capability in (Register, Describe, Infer, ControlRequests):
            need(self._house.target, capability)
        safety = Safety(SafetyLimits(all_replicas=True), asked.place.allow)
        self._leases = Leases(
            asked.run_id, books, safety, self._fault, self._history.sync, lambda _phase: None
        )

    async def _search(self) -> None:
        """Hypothesis draws in a thread, and each program is run in this loop."""
        asked = self.asked
        abilities = {"register", "unregister", "infer", "describe", "list"}
        if isinstance(self._house.target, Scale):
            abilities.add("scale")
        machine = type(
            asked.machine.__name__,
            (asked.machine,),
            {"abilities": frozenset(abilities), "faults": asked.faults},
        )

        def once(program: Program) -> str:
            tried = anyio.from_thread.run(self._example, program)
            names = failed_checks(tried.violations)
            if names:
                self._first = tried
            return ", ".join(names)

        found = await anyio.to_thread.run_sync(draw, machine, once, asked.drawn, asked.database)
        if found is not None:
            self.failure = await confirm(found, self._first, self._attempt)

    async def _example(self, program: Program) -> Tried:
        """A program that was drawn."""
        self._examples += 1
        began = time.monotonic()
        tried = await self._attempt(program)
        self.coverage.add(tried.record)
        self.unknown += [
            f"example {self._examples}: {each.words}"
            for each in tried.violations
            if each.verdict is Verdict.UNKNOWN
        ]
        self._write(
            "example",
            number=self._examples,
            size=program.size,
            seconds=time.monotonic() - began,
            operations=len(tried.record.calls),
            failed=failed_checks(tried.violations),
        )
        return tried

    async def _attempt(self, program: Program) -> Tried:
        """Run it once; only what failed is kept in the history."""
        self._held = []
        target = self._house.target
        injector = LeaseInjector(self._leases, self._contexts(target).make, self._tasks)
        self._told = injector.told
        running = Running(
            target, self._house.tag, self._hold, injector, self.asked.bounds, self.asked.reloads
        )
        record = await running.run(program, self._examples)
        violations = judge(record, self.asked.checks)
        if failed_checks(violations):
            for event in self._held:
                self._history.append(event["kind"], **{k: v for k, v in event.items() if k != "kind"})
            for violation in violations:
                self._write("violation", **violation.document())
        if not await self._house.tidy(f"example {self._examples}"):
            raise ChaosError("the target is not well any more, and it is not ours to start again")
        return Tried(record, violations)

    def _contexts(self, target: Target) -> Contexts:
        async def traffic(spec: WorkerSpec) -> RunningTraffic:
            raise CapabilityError(f"programs have no faults that send traffic ({spec.worker})")

        return Contexts(target, "", self.asked.drawn.seed, self._fault, self._leases, traffic)

    def _hold(self, kind: str, at: float | None = None, **values: Any) -> Event:
        event: Event = {"kind": kind, "at": time.monotonic() if at is None else at, **values}
        self._held.append(event)
        return event

    def _fault(self, kind: str, at: float | None = None, **values: Any) -> None:
        self._told(self._hold(kind, at, **values))

    def _write(self, kind: str, **values: Any) -> None:
        self._view.event(self._history.append(kind, **values))

    def _problem(self, text: str) -> None:
        self._write("problem", text=text)

    _told: Callable[[Event], None]
    _first: Tried
