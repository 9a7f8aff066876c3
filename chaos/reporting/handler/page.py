"""report.html of what was tested offline: one file, no network; a handler, a script before one, or a whole pipeline."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaos.offline.results import CheckResult, CompatibilityResult, InferenceTestResult, PipelineResult
from chaos.reporting.axes import Figure
from chaos.reporting.handler.graph import drawn
from chaos.reporting.handler.made import GENERATED, Made, made_of
from chaos.reporting.handler.memory import memory_figure, slope_of
from chaos.reporting.handler.rows import MOST_ROWS, FunctionRow, SampleRow, function_rows, sample_rows
from chaos.reporting.handler.times import Times, times_figure, times_of
from chaos.reporting.handler.words import (
    ENDED,
    SIGN,
    Result,
    amount,
    headline,
    name_of,
    reason,
    said,
    size,
    verdict,
)
from chaos.reporting.html import environment
from chaos.reporting.words import NOTHING, SYMBOL, instant, span

__all__ = ["limits_said", "render_page", "replay_of"]

TITLES = {
    "handler": "An inference handler, tested before it is deployed",
    "compatibility": "A script before an inference handler",
    "pipeline": "A pipeline of scripts and inference handlers",
}


@dataclass(frozen=True, slots=True)
class _Check:
    """A check as the page shows it: ``interval`` is empty where it has none; ``evidence`` is JSON, or empty: a
    pass needs none."""

    check: CheckResult
    estimate: str
    interval: str
    limit: str
    evidence: str


@dataclass(frozen=True, slots=True)
class _Part:
    """One handler's test; figures are in the page's by the ids ``times-ID`` and ``memory-ID``."""

    id: str
    name: str
    result: InferenceTestResult
    checks: list[_Check]
    times: list[Times]
    functions: list[FunctionRow]
    rows: list[SampleRow]
    more: int
    made: Made | None
    errors: list[str]
    figures: dict[str, Figure]


def render_page(result: Result) -> str:
    """The whole page."""
    parts = list(_parts(result))
    return (
        environment()
        .get_template(f"handler.{result.kind}.html.j2")
        .render(
            result=result,
            verdict=verdict(result).value,
            sign=SIGN,
            symbol=SYMBOL[verdict(result)],
            title=TITLES[result.kind],
            name=name_of(result),
            headline=headline(result),
            reason=reason(result),
            facts=_facts(result),
            parts=parts,
            graph=drawn(result) if isinstance(result, PipelineResult) else None,
            nodes=[_check(each) for each in result.nodes] if isinstance(result, PipelineResult) else [],
            edges=[_check(each) for each in result.edges] if isinstance(result, PipelineResult) else [],
            scripts={name: _json(found) for name, found in result.script_results.items()}
            if isinstance(result, PipelineResult)
            else {},
            errors=_beside(result.errors, (*result.nodes, *result.edges))
            if isinstance(result, PipelineResult)
            else [],
            replay=replay_of(result),
            figures={f"{name}-{part.id}": figure for part in parts for name, figure in part.figures.items()},
            ended=ENDED,
            size=size,
            sentence=said,
            span=span,
        )
    )


def replay_of(result: Result) -> str:
    """The command that does it again; a guess where it was done from Python."""
    if result.replay:
        return result.replay
    if isinstance(result, InferenceTestResult):
        return shlex.join(
            ["chaos", "handler", "test", result.package or "PACKAGE", "--seed", str(result.seed)]
        )
    if isinstance(result, CompatibilityResult):
        return shlex.join(["chaos", "handler", "compat", result.script, "PACKAGE"])
    return "chaos handler pipeline GRAPH.json"


def limits_said(limits: dict[str, float]) -> str:
    """What a handler's process was given, in words."""
    units = {"memory": size, "printed": size, "answer": size, "cpu": span, "call": span, "load": span}
    names = {"cpu": "processor time", "printed": "printed text"}
    return ", ".join(
        f"{names.get(name, name)} {units[name](value) if name in units else f'{value:g}'}"
        for name, value in limits.items()
    )


def _parts(result: Result) -> Iterator[_Part]:
    if isinstance(result, InferenceTestResult):
        yield _part("0", result.handler_name, result)
    elif isinstance(result, PipelineResult):
        order = [name for level in result.levels for name in level]
        tested = sorted(result.inference_results.items(), key=lambda each: _place(each[0], order))
        for number, (name, found) in enumerate(tested):
            yield _part(str(number), name, found)


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def _part(id: str, name: str, result: InferenceTestResult) -> _Part:
    times, rows = times_of(result), sample_rows(result.end_to_end_results)
    figures = {"times": times_figure(times)} if times else {}
    figures |= {"memory": memory_figure(result.memory, slope_of(result))} if result.memory else {}
    return _Part(
        id=id,
        name=name,
        result=result,
        checks=[_check(check) for check in result.checks],
        times=times,
        functions=function_rows(result),
        rows=rows[:MOST_ROWS],
        more=max(len(rows) - MOST_ROWS, 0),
        made=made_of(result),
        errors=_beside(result.errors, result.checks),
        figures=figures,
    )


def _check(check: CheckResult) -> _Check:
    low, high = (amount(bound, check.unit.partition("/")[0]) for bound in (check.low, check.high))
    return _Check(
        check,
        amount(check.estimate, check.unit),
        "" if NOTHING in (low, high) or low == high else f"{low} to {high}",
        amount(check.limit, check.unit),
        _json(check.evidence)
        if check.evidence and check.verdict != "pass" and check.name != GENERATED
        else "",
    )


def _beside(errors: Sequence[str], checks: Sequence[CheckResult]) -> list[str]:
    """The errors that no check tells."""
    told = {f"{check.name}: {check.words}" for check in checks}
    return [error for error in errors if error not in told]


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _facts(result: Result) -> Sequence[tuple[str, str]]:
    found = [("Duration", span(round(result.total_execution_time, 2))), ("Date", instant(result.wall))]
    if isinstance(result, CompatibilityResult):
        script = [("Script", result.script), ("Handler", result.handler_name)]
        return [
            *script,
            ("Files written", str(len(result.files))),
            ("Script took", span(result.script_seconds)),
            *found,
        ]
    if isinstance(result, PipelineResult):
        return [
            ("Scripts", str(len(result.script_results))),
            ("Handlers", str(len(result.inference_results))),
            ("Edges", str(len(result.edges))),
            *found,
        ]
    return [
        ("Package", result.package or result.handler_name),
        ("Samples", f"{len({run.sample for run in result.end_to_end_results}):,}"),
        ("Requests", f"{len(result.end_to_end_results):,}"),
        ("Seed", str(result.seed)),
        *found,
        *([("Limits", limits_said(result.limits))] if result.limits else []),
    ]
