"""Each function of a handler alone: ``input_fn`` on each sample, the others on what the one before them gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from chaos.handlers.calls import MODEL, Call
from chaos.handlers.isolation import Isolated
from chaos.offline.answers import wrong_with_answer
from chaos.offline.judged import LETHAL, call_result, excused, told
from chaos.offline.pool import Pool
from chaos.offline.requests import Request
from chaos.offline.results import CallResult, CheckResult

__all__ = ["FUNCTIONS", "FunctionsFound", "call_functions", "wrong_with"]

FUNCTIONS = ("input_fn", "predict_fn", "output_fn", "transform_fn")
MOST_LETHAL = 2
"""A function that ended its process for so many samples is given no more: each may take as long as is allowed."""


@dataclass(slots=True)
class FunctionsFound:
    """What came of it: the results by function, and the calls themselves for those who look for something in them."""

    results: dict[str, list[CallResult]] = field(default_factory=lambda: {name: [] for name in FUNCTIONS})
    calls: list[Call] = field(default_factory=list)

    def add(self, call: Call, result: CallResult) -> None:
        """Keep one."""
        self.results.setdefault(result.function, []).append(result)
        self.calls.append(call)

    def checks(self, own: frozenset[str], functions: frozenset[str]) -> list[CheckResult]:
        """One for each function.

        :param own: functions that the package itself defines
        :param functions: those that it has, defaults included
        """
        return [_check(name, self.results[name], own, functions) for name in FUNCTIONS]


def call_functions(
    pool: Pool, requests: Sequence[Request], heard: Callable[[int, str], None]
) -> FunctionsFound:
    """Call the functions for each sample, in as many processes as the pool has.

    :param requests: those of one sample follow each other
    :param heard: is told how many samples are done, and which was the last
    """
    samples: dict[int, list[Request]] = {}
    for request in requests:
        samples.setdefault(id(request.sample), []).append(request)
    groups = list(samples.values())
    lethal: Counter[str] = Counter()

    def one(handler: Isolated, group: list[Request]) -> list[tuple[Call, CallResult]]:
        calls: list[Call] = []
        results: list[CallResult] = []
        for call, request in _called(handler, group, lethal):
            if call.outcome in LETHAL:
                lethal[call.function] += 1
            calls.append(call)
            results.append(call_result(call, request, wrong_with(call)))
        if group[0].sample.should_succeed:
            last = [result for result in results if result.function in ("output_fn", "transform_fn")]
            results[len(results) - len(last) :] = excused(last)
        return list(zip(calls, results, strict=True))

    found = FunctionsFound()
    for number, results in enumerate(pool.each(one, groups), 1):
        for call, result in results:
            found.add(call, result)
        heard(number, groups[number - 1][0].sample.sample_name)
    return found


def wrong_with(call: Call) -> tuple[str, ...]:
    """What is wrong with what a function returned."""
    if call.outcome != "ok" or call.value is None:
        return ()
    if call.function not in ("output_fn", "transform_fn"):
        return (f"{call.function} gave None",) if call.value.type == "NoneType" else ()
    if not call.proper:
        return (f"{call.function} gave a {call.value.type}, which is neither bytes nor text",)
    return wrong_with_answer(call.body or b"", call.content_type)


def _called(handler: Isolated, group: list[Request], lethal: Counter[str]) -> Iterable[tuple[Call, Request]]:
    """The calls for one sample, one by one, as far as it gets."""
    first = group[0]
    data, content_type = first.sample.data, first.sample.content_type
    if not handler.functions:
        handler.load()
    if "transform_fn" in handler.functions:
        for request in group:
            if lethal["transform_fn"] < MOST_LETHAL:
                yield handler.call("transform_fn", MODEL, data, content_type, request.accept), request
        return
    before = None
    for name in ("input_fn", "predict_fn"):
        if lethal[name] >= MOST_LETHAL:
            return
        call = handler.call(name, data, content_type) if before is None else handler.call(name, before, MODEL)
        yield call, first
        if call.kept is None:
            return
        before = call.kept
    for request in group:
        if lethal["output_fn"] < MOST_LETHAL and handler.alive:
            yield handler.call("output_fn", before, request.accept), request
    handler.forget()


def _check(
    name: str, results: Sequence[CallResult], own: frozenset[str], functions: frozenset[str]
) -> CheckResult:
    if name not in functions:
        words = (
            "the package has none"
            if name == "transform_fn"
            else "transform_fn stands in its place"
            if "transform_fn" in functions
            else "the package has none"
        )
        return CheckResult(name=name, verdict="not applicable", words=words)
    if not results:
        return CheckResult(name=name, verdict="not applicable", words="no sample came as far as this")
    whose = "" if name in own or name == "predict_fn" else "the toolkit's own: "
    wrong = [result for result in results if not result.success]
    kinds = list(dict.fromkeys(result.value for result in results if result.value))
    evidence = {
        "calls": len(results),
        "own": name in own,
        "outcomes": dict(Counter(result.outcome for result in results)),
        "values": kinds[:10],
    }
    if wrong:
        worst = wrong[0]
        what = worst.validation[0] if worst.validation else told(worst.outcome, worst.error, worst.place)
        words = f"{len(wrong)} of {len(results)} calls did not go as they should: {what}"
        words += f", for {worst.sample}" if worst.sample else ""
        return CheckResult(name=name, verdict="fail", words=whose + words, evidence=evidence)
    words = (
        "its call went as it should" if len(results) == 1 else f"all {len(results)} calls went as they should"
    )
    words += f" and gave {kinds[0]}" if len(kinds) == 1 else ""
    return CheckResult(name=name, verdict="pass", words=whose + words, evidence=evidence)
