"""Runs programs on one target, one after another, with a bystander beside them; each leaves the target as it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import anyio

from chaos.errors import CapabilityError, ChaosError
from chaos.history import Event, HistoryWriter
from chaos.operations.checks.base import Violation
from chaos.operations.checks.judging import judge
from chaos.operations.confirming import Tried, failed_checks
from chaos.operations.program import Program, has_faults
from chaos.operations.record import program_of
from chaos.operations.running import Bounds, Running
from chaos.proxy.process import FaultProxy
from chaos.session.books import Books
from chaos.session.contexts import Contexts
from chaos.session.deadlines import shielded
from chaos.session.house import CALM_SECONDS, House, house, is_ours
from chaos.session.injecting import LeaseInjector
from chaos.session.leases import Leases
from chaos.session.plan import sub_seed
from chaos.session.safety import Safety, SafetyLimits
from chaos.sla.statistics import load
from chaos.targets.base import (
    ControlRequests,
    Describe,
    Infer,
    Limits,
    Register,
    RegisterBatched,
    Scale,
    need,
)
from chaos.targets.options import redacted
from chaos.traffic.running import RunningTraffic
from chaos.traffic.spec import WorkerSpec
from chaos.verify.asked import Verification
from chaos.verify.bystander import Bystander

__all__ = ["Attempts", "UnwellError"]

ALWAYS = ("register", "unregister", "infer", "describe", "list")
SHORT_SECONDS, TIMES = 1.0, 5.0


class UnwellError(ChaosError):
    """A program left the target unable to serve. It was ``tried``, and failed; no other can be."""

    def __init__(self, tried: Tried) -> None:
        super().__init__("the target is not well any more, and it is not ours to start again")
        self.tried = tried


class Attempts:
    """The runs of one verification; what failed goes into its history, all events of it.

    :param problem: told what a user must know of the verification itself
    """

    def __init__(self, asked: Verification, history: HistoryWriter, problem: Callable[[str], None]) -> None:
        self.count = 0
        """How many there have been; that of the last is its number."""
        self._asked = asked
        self._history = history
        self._problem = problem
        self._held: list[Event] = []
        self._longest = {True: 0.0, False: 0.0}
        """What coming to rest has taken at most, in seconds, in programs with faults and without."""

    async def open(self, stack: AsyncExitStack) -> None:
        """Open the target, for as long as the stack is.

        :raises ChaosError: if it cannot be opened, or lacks what every program needs
        """
        load()
        asked, problem = self._asked, self._problem
        place = asked.place
        if "link" in asked.faults and is_ours(place):
            proxy = await stack.enter_async_context(FaultProxy(sub_seed(asked.drawn.seed, "proxy")))
            place = replace(place, link_api=proxy.api, links=("replica",))
        self._link_api = place.link_api
        books = Books(asked.run_id, redacted(place.url), place.directory, problem)
        await stack.enter_async_context(books)
        self._house: House = await stack.enter_async_context(house(place, books.owe, problem))
        for capability in (Register, Describe, Infer, ControlRequests):
            need(self._house.target, capability)
        self._tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(self._tasks.cancel_scope.cancel)
        self._tasks.start_soon(books.watch)
        safety = Safety(SafetyLimits(all_replicas=True), place.allow)
        self._leases = Leases(
            asked.run_id, books, safety, self._hold, self._history.sync, lambda _phase: None
        )
        seed = sub_seed(asked.drawn.seed, "bystander") % 2**31
        self._bystander = Bystander(self._house, self._tasks, seed, self._told)
        stack.push_async_callback(shielded, problem, "unregistering the bystander", self._bystander.gone)

    @property
    def abilities(self) -> frozenset[str]:
        """What the target is able to: the names of its operations, and what :class:`Programs` says beside them."""
        target = self._house.target
        able = {"scale": isinstance(target, Scale), "batch": isinstance(target, RegisterBatched)}
        able |= {"limits": isinstance(target, Limits), "ours": self._house.ours}
        return frozenset({*ALWAYS, *(name for name, is_so in able.items() if is_so)})

    async def run(self, program: Program, quick: bool = False) -> Tried:
        """Run a program once, and judge it.

        :param quick: wait for rest only for some times as long as it has taken so far
        :raises UnwellError: if the target is not well afterwards, and is not ours to start again
        :raises ChaosError: if the target cannot be asked
        """
        await self._bystander.there()
        self._held = []
        self.count += 1
        running = Running(
            self._house.target,
            self._house.tag,
            self._hold,
            LeaseInjector(self._leases, self._contexts().make, self._tasks),
            self._bounds(program, quick),
        )
        await running.run(program, attempt=self.count)
        await self._bystander.until(time.monotonic())
        record = program_of(self._held)
        assert record is not None  # noqa: S101 - it was run
        with_faults = has_faults(program)
        rests = (seen.rest or 0.0 for seen in record.seen)
        self._longest[with_faults] = max([self._longest[with_faults], *rests])
        violations = judge(record, self._asked.checks)
        # what did not go while it was cleaned up will not
        gone = any(seen.when == "clean" and seen.rest is not None for seen in record.seen)
        well = await self._house.tidy(f"program {self.count}", CALM_SECONDS if gone else 0.0)
        if not well and not failed_checks(violations):
            violations.append(Violation("convergence", "after it the target was not well any more"))
        if failed_checks(violations):
            for event in record.events:
                self._history.append(**event)
            told = [violation.document() for violation in violations]
            self._history.append("judged", attempt=self.count, violations=told)
        if not well:
            raise UnwellError(Tried(record, violations))
        return Tried(record, violations)

    def _bounds(self, program: Program, quick: bool) -> Bounds:
        full = self._asked.bounds
        rest = min(full.rest, max(SHORT_SECONDS, TIMES * self._longest[has_faults(program)]))
        return Bounds(full.answer, rest) if quick else full

    def _contexts(self) -> Contexts:
        async def traffic(spec: WorkerSpec) -> RunningTraffic:
            raise CapabilityError(f"programs have no faults that send traffic ({spec.worker})")

        seed = self._asked.drawn.seed
        return Contexts(self._house.target, self._link_api, seed, self._hold, self._leases, traffic)

    def _hold(self, kind: str, at: float | None = None, **values: Any) -> Event:
        event: Event = {"kind": kind, "at": time.monotonic() if at is None else at, **values}
        self._held.append(event)
        return event

    def _told(self, kind: str, at: float | None = None, **values: Any) -> None:
        """What the bystander felt."""
        if kind == "problem":
            self._problem(str(values["text"]))
        else:
            self._hold(kind, at, **values)
