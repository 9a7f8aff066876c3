"""What was found, on a terminal: a table of checks where somebody looks at it, plain lines everywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chaos.offline.results import CheckResult, CompatibilityResult, InferenceTestResult
from chaos.reporting.handler.document import Result
from chaos.reporting.handler.times import times_of
from chaos.reporting.handler.words import ENDED, NOT_APPLICABLE, SIGN, headline, reason, said, verdict
from chaos.reporting.terminal import interactive, printable
from chaos.reporting.words import span
from chaos.sla.results import Verdict

__all__ = ["print_result"]

STYLE = {
    Verdict.PASS.value: "green",
    Verdict.FAIL.value: "bold red",
    Verdict.UNKNOWN.value: "bold yellow",
    NOT_APPLICABLE: "dim",
}


def print_result(stream: TextIO, result: Result) -> None:
    """Print the checks, the times, and the verdict at last."""
    rows, times = list(_rows(result)), _times(result)
    last = f"verdict: {verdict(result).value}. {said(headline(result))} {said(reason(result))}"
    if not interactive(stream):
        width = max((len(name) for _, name, _ in rows), default=0)
        lines = [f"{SIGN[found]} {name:<{width}}  {words}" for found, name, words in rows]
        for text in [*lines, *times, last]:
            stream.write(printable(text, stream) + "\n")
        stream.flush()
        return
    table = Table.grid(padding=(0, 2))
    for found, name, words in rows:
        dim = "dim" if found == NOT_APPLICABLE else ""
        table.add_row(
            Text(SIGN[found], STYLE[found]),
            Text(printable(name, stream), dim or "bold", no_wrap=True),
            Text(printable(words, stream), dim),
        )
    console = Console(file=stream, highlight=False)
    console.print(table)
    for text in times:
        console.print(Text(printable(text, stream), "dim"))
    console.print(Text(printable(last, stream), STYLE[verdict(result).value]))


def _rows(result: Result) -> Iterator[tuple[str, str, str]]:
    """Verdict, name and words of each line."""
    if isinstance(result, CompatibilityResult):
        script = "pass" if result.script_success else "fail"
        words = (
            f"it ended well, after {span(result.script_seconds)}" if result.script_success else result.error
        )
        yield script, result.script, words
        for name in result.files:
            tried = [each for each in result.tried if each.file == name]
            fits = any(each.fits for each in tried)
            for each in tried:
                why = each.call.value or "fits" if each.fits else each.call.error or ENDED[each.call.outcome]
                mark = "pass" if each.fits else NOT_APPLICABLE if fits else "fail"
                yield mark, name, f"as {each.content_type}: {why}"
        return
    checks: tuple[CheckResult, ...] = (
        result.checks if isinstance(result, InferenceTestResult) else (*result.nodes, *result.edges)
    )
    for check in checks:
        yield check.verdict, check.name, said(check.words)


def _times(result: Result) -> list[str]:
    if not isinstance(result, InferenceTestResult):
        return []
    told = [
        f"{each.function} {span(each.median)} (95 %: {span(each.p95)})"
        for each in times_of(result)
        if each.warm
    ]
    return [f"median times: {', '.join(told)}"] if told else []
