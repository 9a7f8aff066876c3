"""One run: its target, traffic, phases, faults and guards, as tasks of one event loop (D2).

The session writes what happens to the history and judges nothing for good: the verdict is made from
the history when the run is over. ``serve`` is its one long task; what an experiment's activities call
runs beside it in the same loop.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import anyio
from anyio.abc import TaskGroup, TaskStatus

from chaos.analysis import analyse
from chaos.checks.evidence import gather
from chaos.checks.program import ProgramCheck
from chaos.documents import validated
from chaos.history import Event, HistoryWriter, read_history
from chaos.operations.program import parse_step
from chaos.properties.judging import judge_cells
from chaos.recording import record
from chaos.reporting.terminal import View
from chaos.session.books import Books
from chaos.session.contexts import Contexts
from chaos.session.deadlines import shielded
from chaos.session.injecting import LeaseInjector
from chaos.session.leases import Leases
from chaos.session.measuring import Measuring, requested
from chaos.session.opening import PROBES, probe_spec, run_event
from chaos.session.operating import Operating
from chaos.session.plan import Plan, sub_seed
from chaos.session.safety import Safety
from chaos.session.system import System, open_system
from chaos.session.watchers import last_words, watch_resources, watch_states
from chaos.sla.guard import GuardWatch
from chaos.sla.results import Verdict, worst
from chaos.targets.options import redacted
from chaos.traffic.running import RunningTraffic, run_traffic
from chaos.traffic.spec import WorkerSpec

__all__ = ["Session"]


class Session:
    """A run in progress. All methods belong to the loop that runs :meth:`serve`."""

    def __init__(self, plan: Plan, history: HistoryWriter, view: View) -> None:
        self.plan = plan
        self.history = history
        self._view = view
        self._phase = ""
        self._phase_began = 0.0
        self._books = Books(plan.run_id, redacted(plan.arguments.target), plan.directory, self._problem)
        safety = Safety(plan.arguments.safety, plan.allow)
        self._leases = Leases(plan.run_id, self._books, safety, self.emit, history.sync, self._entered)
        self._measuring = Measuring(plan, self._books.owe, self.emit, self._enter)
        self._operating = Operating(plan, self._books.owe, self.emit, self._enter)
        self._closing = anyio.Event()
        self._system: System
        self._tasks: TaskGroup
        self._guards = [
            (probe.name, index, GuardWatch(guard))
            for probe in plan.probes
            for index, guard in enumerate(probe.guards)
        ]

    def emit(self, kind: str, at: float | None = None, **values: object) -> Event:
        """Write an event to the history and show it."""
        event = self.history.append(kind, at, **values)
        self._view.event(event)
        return event

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Open everything, say so, keep it until :meth:`close` is called, and let go of it in reverse order.

        :raises ChaosError: if the target cannot be opened or lacks a capability
        """
        self.emit("run", **run_event(self.plan))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._books)
            system = self._system = await open_system(
                stack, self.plan, self.history.directory, self._record, self._books.owe, self._problem
            )
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(self._tasks.cancel_scope.cancel)
            self._tasks.start_soon(self._books.watch)
            self._tasks.start_soon(watch_resources, system.target, self.emit)
            self._tasks.start_soon(
                watch_states, system.target, self.plan, self._measuring.unless_busy(self.emit)
            )
            stack.push_async_callback(last_words, system.target, self.plan, self.emit)
            # A backlog may wait its timeout for a connection, and as long again for the answer.
            grace = 2 * max(probe.timeout for probe in self.plan.probes) + 1.0
            probes = await self._start_traffic(probe_spec(self.plan, system), grace)
            stack.push_async_callback(probes.stop)
            stack.push_async_callback(shielded, self._problem, "reverting the faults", self.revert)
            self._enter("warmup")
            await anyio.sleep(self.plan.arguments.seconds.warmup)
            task_status.started()
            await self._closing.wait()
            await self.revert()
            self._enter("end")

    def close(self) -> None:
        """Make :meth:`serve` end; it still takes the time that drains and deadlines need."""
        self._closing.set()

    async def objectives_hold(self) -> bool:
        """Measure the phase that is due and say whether every objective judged so far passes.

        Before the first fault that is the baseline, after it the recovery; both are measured for their planned
        length. While a fault is in force (Chaos Toolkit's strategy ``continuously``) it judges at once, and
        only a failed objective counts.
        """
        if self._leases.held or self._measuring.busy or self._operating.busy:
            return self._verdict() is not Verdict.FAIL
        await self._measure_phase()
        return self._verdict() is Verdict.PASS

    async def program_holds(self, name: str) -> bool:
        """Whether the program had the property of that name, once it is run; the recovery is measured then, and before
        its first operation the baseline, as :meth:`objectives_hold` does it.

        :raises DocumentError: if there is no such property
        """
        check = validated({"check": "program", "property": name}, ProgramCheck, "program_holds")
        await self._operating.end()
        await self._measure_phase()
        if not self._operating.count:
            return True
        events = read_history(self.history.directory)
        return check.judged(gather(events, record(events))).verdict is Verdict.PASS

    async def operate(self, step: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run the next step of the run's program; what :func:`chaos.actions.operate` returns.

        :raises DocumentError: if it is none
        """
        parsed = parse_step(step, "operate")
        injector = LeaseInjector(self._leases, self._contexts().make, self._tasks)
        return await self._operating.step(self._system.target, injector, parsed)

    async def inject(self, name: str, arguments: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Hold a fault for ``seconds`` and revert it, as :meth:`chaos.session.leases.Leases.hold` says."""
        return await self._leases.hold(name, arguments, seconds, self._contexts().make)

    async def measure(
        self, name: str, apis: str | Sequence[str], settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Measure a property on APIs; what :func:`chaos.actions.measure` returns.

        :raises DocumentError: if there is no such property, cell or setting
        """
        wanted = requested(name, apis, settings)
        seed = sub_seed(self.plan.seed, "measure", str(self._measuring.count + 1)) % 2**31
        cut_short = await self._measuring.measure(self._system.target, wanted, seed)
        results = judge_cells(read_history(self.history.directory))[-len(wanted.apis) :]
        told = [
            {"cell": result.name, "verdict": result.verdict.value, "reason": result.reason}
            for result in results
        ]
        return {"cells": told, "cut_short": cut_short}

    async def revert(self) -> int:
        """End a measurement and a program, and revert every fault in force; return how many there were."""
        count = await self._leases.revert() + await self._measuring.end() + self._operating.busy
        await self._operating.end()
        return count

    def _verdict(self) -> Verdict:
        """Of the objectives in the phases that have begun; the history so far decides."""
        summary = analyse(read_history(self.history.directory))
        reached = {window.phase for window in summary.windows}
        return worst(result.verdict for result in summary.objectives if result.phase in reached)

    async def _measure_phase(self) -> None:
        """The phase that is due: the baseline before anything was done, the recovery after it."""
        seconds = self.plan.arguments.seconds
        if self._leases.count + self._measuring.count + self._operating.count:
            await self._measured(seconds.recovery)
            return
        if self._phase != "baseline":
            self._enter("baseline")
        await self._measured(seconds.baseline)

    async def _measured(self, seconds: float) -> None:
        await anyio.sleep(max(0.0, self._phase_began + seconds - time.monotonic()))

    def _contexts(self) -> Contexts:
        system = self._system
        return Contexts(
            system.target,
            system.link_api,
            self.plan.seed,
            self.emit,
            self._leases,
            self._start_traffic,
            self.plan.own.payloads if self.plan.own is not None else {},
        )

    def _entered(self, phase: str) -> None:
        """What a fault does to the phase; the faults of a program are part of it."""
        if not self._operating.busy:
            self._enter(phase)

    def _enter(self, phase: str) -> None:
        self._phase, self._phase_began = phase, time.monotonic()
        self.emit("phase", at=self._phase_began, phase=phase)

    async def _start_traffic(self, spec: WorkerSpec, grace: float = 0.5) -> RunningTraffic:
        """Start a traffic worker whose frames and life are recorded."""

        def on_frame(frame: dict[str, Any]) -> None:
            self.emit("frame", at=frame["at"], worker=spec.worker, streams=frame["streams"])
            if spec.worker == PROBES:
                self._guard(frame)
                self._operating.frame(frame, spec)

        def report(event: str, pid: int, reason: str) -> None:
            self.emit("worker", worker=spec.worker, event=event, pid=pid)
            if reason:
                self._problem(f"traffic worker '{spec.worker}' died: {reason}")

        running: RunningTraffic = await self._tasks.start(run_traffic, spec, on_frame, report, grace)
        return running

    def _guard(self, frame: dict[str, Any]) -> None:
        """Feed the guards; one that trips cancels the faults in force at once."""
        for probe, index, watch in self._guards:
            entry = frame["streams"].get(probe)
            burn = watch.feed(entry, frame["at"]) if entry is not None else None
            if burn is not None and (self._leases.cut_short() or self._measuring.cut_short()):
                self.emit("guard", probe=probe, guard=index, burn=burn, n=watch.n)

    def _record(
        self, operation: str, model: str, outcome: str, start: float, end: float, detail: str
    ) -> None:
        values = {"operation": operation, "model": model, "outcome": outcome, "detail": detail}
        self.emit("operation", at=end, start=start, end=end, **values)

    def _problem(self, text: str) -> None:
        self.emit("problem", text=text)
