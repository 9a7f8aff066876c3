"""The course of a test: what is done with a package, in which order, and what is kept of it.

First it is loaded; then each function is called alone, for several samples side by side; then whole requests run in a
process that has the machine for itself, which is timed; then the same requests in other orders, in new processes; then
many calls, over which memory is watched; at last generated samples.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from chaos.handlers.calls import Call, Run
from chaos.handlers.isolation import Isolated
from chaos.offline.conduct import ORDERS, judge_orders, loaded_once, run_orders
from chaos.offline.functions import FUNCTIONS, call_functions
from chaos.offline.fuzzing import fuzz, judge_fuzz
from chaos.offline.generated import Generated
from chaos.offline.judged import LETHAL, error_of
from chaos.offline.options import Step, TestOptions
from chaos.offline.pool import Pool
from chaos.offline.preliminaries import check_load, check_package, check_requirements
from chaos.offline.requests import Request
from chaos.offline.results import CallResult, CheckResult, MemoryPoint, RunResult
from chaos.offline.runs import KEPT_BYTES, Ran, run_once, run_requests
from chaos.offline.secrets import judge_secrets, masked
from chaos.offline.wear import judge_wear, memory_points

__all__ = ["Course"]

CALLS_SECONDS = 60.0
"""After so long no more calls are made just to watch the memory."""
MOST_PRINTED = 64 << 10
AFTER_LOADING = (
    *FUNCTIONS, "pipeline", "samples", "determinism", "statelessness", "threads", "processes", "memory", "loaded once",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Said:
    printed: str
    answer: bytes
    error: str


class Course:
    """One test.

    :ivar checks: so far, in their order
    :ivar functions: the calls of each function alone
    :ivar runs: of whole requests, in one process, with the first ones of other processes
    :ivar printed: the beginning of it, keys masked
    """

    def __init__(self, name: str, options: TestOptions, heard: Callable[[Step], None]) -> None:
        self._name, self._options, self._heard = name, options, heard
        self._said: list[_Said] = []
        self.checks: list[CheckResult] = []
        self.model: CallResult | None = None
        self.functions: dict[str, list[CallResult]] = {each: [] for each in FUNCTIONS}
        self.runs: list[RunResult] = []
        self.memory: tuple[MemoryPoint, ...] = ()
        self.printed = ""

    def run(self, directory: Path, requests: Sequence[Request], generated: Sequence[Generated]) -> None:
        """All of it."""
        options = self._options
        self.checks += [check_package(directory), check_requirements(directory)]
        with Pool(directory, options.limits, self._name, options.parallel) as pool:
            fuzzed = []
            if self.checks[0].verdict == "fail":
                self._leave_out(("contract", "load", *AFTER_LOADING), "there is no handler")
            elif self._load(pool):
                self._call(pool, requests)
                self._send(pool, requests)
                fuzzed = [self._fuzz(pool, generated)] if generated else []
            else:
                self._leave_out(AFTER_LOADING, "the model was not loaded")
            self.checks += [self._secrets(pool), *fuzzed]
        self.printed = masked("".join(each.printed for each in self._said)[:MOST_PRINTED])

    def _leave_out(self, names: Sequence[str], words: str) -> None:
        self.checks += [CheckResult(name=name, verdict="not applicable", words=words) for name in names]

    def _load(self, pool: Pool) -> bool:
        self._hear("load", 0, 1)
        with pool.one() as handler:
            call = handler.load()
            own = handler.own
        self._keep(call)
        self._hear("load", 1, 1, call.value.words if call.value is not None else call.error)
        self.model = CallResult(
            function="model_fn",
            success=call.outcome == "ok",
            outcome=call.outcome,
            seconds=call.seconds,
            value=call.value.words if call.value is not None else "",
            error=error_of(call),
            place=call.place,
            memory=call.memory or None,
        )
        self.checks += check_load(call, own, self._options.limits.load)
        return call.outcome == "ok"

    def _call(self, pool: Pool, requests: Sequence[Request]) -> None:
        samples = len({id(request.sample) for request in requests})
        found = call_functions(
            pool, requests, lambda done, words: self._hear("functions", done, samples, words)
        )
        self._keep(*found.calls)
        self.functions = found.results
        with pool.one() as handler:
            self.checks += found.checks(handler.own, handler.functions)

    def _send(self, pool: Pool, requests: Sequence[Request]) -> None:
        """All that runs whole requests."""
        options = self._options
        with pool.one() as handler:
            self._keep(handler.load())
            done = iter(range(1, len(requests) + 1))
            found = run_requests(
                handler,
                requests,
                options.repeats,
                lambda words: self._hear("pipeline", next(done), len(requests), words),
            )
            self.checks += found.checks()
            orders = run_orders(
                pool,
                found.answered,
                options.seed,
                lambda number, words: self._hear("orders", number, len(ORDERS), words),
            )
            self.checks += judge_orders(found.passes, orders)
            calls = self._watch(handler, found.answered) if options.leak_calls else []
            outlived = handler.end()
        others = [ran for order in orders.values() for ran in order]
        answered = {id(request) for request in found.answered}
        runs = [ran for ran in found.all if id(ran.request) in answered]
        wear = judge_wear(calls if options.leak_calls else runs, options.limits.memory, outlived)
        if not options.leak_calls:
            wear[-1] = CheckResult(
                name="memory", verdict="not applicable", words="no calls were to be made for it"
            )
        self.checks += [*wear, loaded_once([*found.all, *calls, *others], handler.loads)]
        self.runs = [ran.result for ran in [*found.all, *(ran for ran in others if ran.result.first)]]
        self.memory = memory_points(found.all, calls)
        self._keep(*(ran.run for ran in [*found.all, *others, *calls]))

    def _watch(self, handler: Isolated, requests: Sequence[Request]) -> list[Ran]:
        """So many calls in one process, which has served these requests already."""
        planned, end = self._options.leak_calls, time.monotonic() + CALLS_SECONDS
        calls: list[Ran] = []
        for request in islice(cycle(requests), planned):
            calls.append(run_once(handler, request))
            if calls[-1].run.outcome in LETHAL or time.monotonic() > end:
                break
            if len(calls) % 10 == 0 and len(calls) < planned:
                self._hear("memory", len(calls), planned)
        self._hear("memory", planned, planned)
        return calls

    def _fuzz(self, pool: Pool, generated: Sequence[Generated]) -> CheckResult:
        found = fuzz(
            pool, generated, lambda done, words: self._hear("generated", done, len(generated), words)
        )
        self._keep(*(each.run for each in found))
        return judge_fuzz(found, len(generated))

    def _secrets(self, pool: Pool) -> CheckResult:
        texts: dict[str, list[bytes | str]] = {
            "printed": [each.printed for each in self._said],
            "answered": [each.answer for each in self._said],
            "told in an error": [each.error for each in self._said],
        }
        return judge_secrets(pool.leaked, pool.canaries, texts)

    def _keep(self, *calls: Call | Run) -> None:
        """What was said in these calls, for those who look for something in it."""
        self._said += [_Said(each.printed, (each.body or b"")[:KEPT_BYTES], each.error) for each in calls]

    def _hear(self, phase: str, done: int, planned: int, words: str = "") -> None:
        self._heard(Step(phase, done, planned, words))
