"""One run: its target, traffic, phases, faults and guards, as tasks of one event loop (D2).

The session writes what happens to the history and judges nothing for good: the verdict is made from
the history when the run is over. ``serve`` is its one long task; what an experiment's activities call
runs beside it in the same loop.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup, TaskStatus

from chaos import __version__
from chaos.analysis import analyse
from chaos.errors import ChaosError, TargetError
from chaos.faults.base import FaultContext
from chaos.history import HistoryWriter, read_history
from chaos.reporting.terminal import View
from chaos.session.leases import Leases
from chaos.session.plan import Plan, arrivals_of, package_of, sub_seed
from chaos.session.resources import ResourceSampler
from chaos.sla.guard import GuardWatch
from chaos.sla.results import Verdict, worst
from chaos.targets.base import Infer, Processes, Register, Target, need
from chaos.targets.options import redacted
from chaos.targets.registry import open_by_url
from chaos.traffic.running import RunningTraffic, run_traffic
from chaos.traffic.spec import Stream, WorkerSpec

__all__ = ["Session"]

OPEN_SECONDS = 60.0
CLOSE_SECONDS = 20.0
RESOURCE_SECONDS = 0.5
NULL_RATE = 50.0
PROBES = "probes"
"""Name of the worker that runs the probes."""


class Session:
    """A run in progress. All methods belong to the loop that runs :meth:`serve`."""

    def __init__(self, plan: Plan, history: HistoryWriter, view: View) -> None:
        self.plan = plan
        self.history = history
        self._view = view
        self._phase = ""
        self._phase_began = 0.0
        self._leases = Leases(self.emit, history.sync, self._enter)
        self._closing = anyio.Event()
        self._target: Target
        self._tasks: TaskGroup
        self._guards = [
            (probe.name, index, GuardWatch(guard))
            for probe in plan.probes
            for index, guard in enumerate(probe.guards)
        ]

    def emit(self, kind: str, at: float | None = None, **values: object) -> None:
        """Write an event to the history and show it."""
        self._view.event(self.history.append(kind, at, **values))

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Open everything, say so, keep it until :meth:`close` is called, and let go of it in reverse order.

        :raises ChaosError: if the target cannot be opened or lacks a capability
        """
        self._emit_run()
        async with AsyncExitStack() as stack:
            stack.callback(self._leases.cut_short)
            target = self._target = await self._open_target(stack)
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(self._tasks.cancel_scope.cancel)
            if isinstance(target, Processes):
                self._tasks.start_soon(self._watch_resources, target)
            for model in self.plan.arguments.models:
                register = need(target, Register)
                stack.push_async_callback(self._shielded, "unregister", register.unregister, model.name)
                with _deadline(f"registering model '{model.name}'"):
                    await register.register(model.name, package_of(model), model.workers)
            # A backlog may wait its timeout for a connection, and as long again for the answer.
            grace = 2 * max(probe.timeout for probe in self.plan.probes) + 1.0
            probes = await self._start_traffic(self._probe_spec(target), grace)
            stack.push_async_callback(probes.stop)
            self._enter("warmup")
            await anyio.sleep(self.plan.arguments.seconds.warmup)
            task_status.started()
            await self._closing.wait()
            await self._leases.revert()
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
        seconds = self.plan.arguments.seconds
        if self._leases.held:
            return self._verdict() is not Verdict.FAIL
        if self._leases.count == 0:
            if self._phase != "baseline":
                self._enter("baseline")
            await self._measured(seconds.baseline)
        else:
            await self._measured(seconds.recovery)
        return self._verdict() is Verdict.PASS

    async def inject(self, name: str, arguments: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Hold a fault for ``seconds`` and revert it, as :meth:`chaos.session.leases.Leases.hold` says."""
        return await self._leases.hold(name, arguments, seconds, self._fault_context)

    async def revert(self) -> int:
        """Revert every fault in force; return how many there were."""
        return await self._leases.revert()

    def _fault_context(self, lease: str) -> FaultContext:
        return FaultContext(self._target, sub_seed(self.plan.seed, lease), self._start_traffic)

    def _verdict(self) -> Verdict:
        """Of the objectives in the phases that have begun; the history so far decides."""
        summary = analyse(read_history(self.history.directory))
        reached = {window.phase for window in summary.windows}
        return worst(result.verdict for result in summary.objectives if result.phase in reached)

    async def _measured(self, seconds: float) -> None:
        await anyio.sleep(max(0.0, self._phase_began + seconds - time.monotonic()))

    def _enter(self, phase: str) -> None:
        self._phase, self._phase_began = phase, time.monotonic()
        self.emit("phase", at=self._phase_began, phase=phase)

    def _emit_run(self) -> None:
        plan = self.plan
        seconds = plan.arguments.seconds
        self.emit(
            "run",
            run_id=plan.run_id,
            seed=plan.seed,
            target=redacted(plan.arguments.target),
            defects=list(plan.arguments.defect),
            title=plan.title,
            experiment=plan.source,
            version=__version__,
            wall=time.time(),
            command=plan.command,
            replay=plan.replay,
            probes=[probe.model_dump(by_alias=True, exclude_none=True, mode="json") for probe in plan.probes],
            phases={"warmup": seconds.warmup, "baseline": seconds.baseline, "recovery": seconds.recovery},
        )

    async def _open_target(self, stack: AsyncExitStack) -> Target:
        arguments = self.plan.arguments
        target = open_by_url(
            arguments.target,
            defects=arguments.defect,
            directory=self.history.directory,
            allow=arguments.allow,
            record=self._record,
        )
        stack.push_async_callback(self._shielded, "close", target.close)
        with _deadline(f"opening target {redacted(arguments.target)}"):
            await target.open()
        if arguments.models:
            need(target, Register)
        need(target, Infer)
        return target

    def _probe_spec(self, target: Target) -> WorkerSpec:
        infer = need(target, Infer)
        return WorkerSpec(
            worker=PROBES,
            streams=tuple(
                Stream(
                    name=probe.name,
                    request=infer.infer_request(probe.model, probe.payload),
                    arrivals=arrivals_of(probe),
                    timeout=probe.timeout,
                    seed=sub_seed(self.plan.seed, "probe", probe.name),
                )
                for probe in self.plan.probes
            ),
            null_rate=NULL_RATE,
        )

    async def _start_traffic(self, spec: WorkerSpec, grace: float = 0.5) -> RunningTraffic:
        """Start a traffic worker whose frames and life are recorded."""

        def on_frame(frame: dict[str, Any]) -> None:
            self.emit("frame", at=frame["at"], worker=spec.worker, streams=frame["streams"])
            if spec.worker == PROBES:
                self._guard(frame)

        def report(event: str, pid: int, reason: str) -> None:
            self.emit("worker", worker=spec.worker, event=event, pid=pid)
            if reason:
                self.emit("problem", text=f"traffic worker '{spec.worker}' died: {reason}")

        running: RunningTraffic = await self._tasks.start(run_traffic, spec, on_frame, report, grace)
        return running

    def _guard(self, frame: dict[str, Any]) -> None:
        """Feed the guards; one that trips cancels the faults in force at once."""
        for probe, index, watch in self._guards:
            entry = frame["streams"].get(probe)
            burn = watch.feed(entry, frame["at"]) if entry is not None else None
            if burn is not None and self._leases.cut_short():
                self.emit("guard", probe=probe, guard=index, burn=burn, n=watch.n)

    async def _watch_resources(self, target: Processes) -> None:
        sampler = ResourceSampler()
        while True:
            reading = await anyio.to_thread.run_sync(lambda: sampler.sample(target.pids()))
            self.emit(
                "resource",
                processes=reading.processes,
                cpu=round(reading.cpu, 3),
                rss=reading.rss,
                fds=reading.fds,
                threads=reading.threads,
            )
            await anyio.sleep(RESOURCE_SECONDS)

    def _record(
        self, operation: str, model: str, outcome: str, start: float, end: float, detail: str
    ) -> None:
        values = {"operation": operation, "model": model, "outcome": outcome, "detail": detail}
        self.emit("operation", at=end, start=start, end=end, **values)

    async def _shielded(self, what: str, function: Any, *arguments: Any) -> None:
        """Clean up, also when cancelled, within a deadline; what does not work is recorded, not raised."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_SECONDS) as waited:
            try:
                await function(*arguments)
            except ChaosError as error:
                self.emit("problem", text=f"{what} {' '.join(map(str, arguments))}: {error}")
        if waited.cancelled_caught:
            self.emit("problem", text=f"{what} did not end within {CLOSE_SECONDS:g} s")


@contextmanager
def _deadline(what: str) -> Iterator[None]:
    """A deadline on opening something; its passing is the target's error."""
    try:
        with anyio.fail_after(OPEN_SECONDS):
            yield
    except TimeoutError:
        raise TargetError(
            f"{what}: no answer within {OPEN_SECONDS:g} s (is the target overloaded or hung?)"
        ) from None
