"""Writes what a test of a handler, of a script before one, or of a pipeline leaves: summary.json, a page, JUnit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from chaos.offline.results import CheckResult, CompatibilityResult, InferenceTestResult
from chaos.reporting.handler.document import SUMMARY, Result, document_of, read_result
from chaos.reporting.handler.page import render_page, replay_of
from chaos.reporting.handler.words import ENDED, NOT_APPLICABLE, name_of, reason, said, verdict
from chaos.reporting.junit import Case, render_suite
from chaos.reporting.write import write_file
from chaos.sla.results import Verdict

__all__ = ["render_cases", "write_again", "write_reports"]


def write_reports(directory: Path, result: Result) -> list[Path]:
    """Write summary.json, report.html and junit.xml, and return their paths in this order.

    :raises OSError: if the directory cannot be written to; what was there before stays
    """
    texts = {
        SUMMARY: json.dumps(document_of(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "report.html": render_page(result),
        "junit.xml": render_cases(result),
    }
    return [write_file(directory / name, text) for name, text in texts.items()]


def write_again(directory: Path) -> tuple[str, list[Path]] | None:
    """Judge what a directory has again, and write its reports anew: the verdict with its reason, and their paths; None
    if it is the directory of something else.

    :raises RunDirectoryError: if it cannot be understood
    """
    result = read_result(directory)
    if result is None:
        return None
    return f"{verdict(result).value}. {said(reason(result))}", write_reports(directory, result)


def render_cases(result: Result) -> str:
    """JUnit: one case a check, and one of the verdict. A fail is a failure, unknown an error, so only a pass is green;
    a check that does not apply is skipped."""
    cases = [Case(name_of(result), "verdict", result.total_execution_time, verdict(result), reason(result))]
    told = {"package": name_of(result), "replay": replay_of(result), "version": result.version}
    if isinstance(result, InferenceTestResult):
        told |= {"package": result.package or result.handler_name, "seed": str(result.seed)}
    cases += _cases(result)
    return render_suite(name_of(result), result.wall, result.total_execution_time, told, cases)


def _cases(result: Result) -> Iterator[Case]:
    if isinstance(result, InferenceTestResult):
        yield from (_case(result.handler_name, check) for check in result.checks)
    elif isinstance(result, CompatibilityResult):
        yield from _files(result)
    else:
        yield from (_case(f"{name_of(result)}.nodes", check) for check in result.nodes)
        yield from (_case(f"{name_of(result)}.edges", check) for check in result.edges)
        for name, tested in result.inference_results.items():
            yield from (_case(f"{name_of(result)}.{name}", check) for check in tested.checks)


def _case(group: str, check: CheckResult) -> Case:
    found = None if check.verdict == NOT_APPLICABLE else Verdict(check.verdict)
    return Case(group, check.name, 0.0, found, check.words)


def _files(result: CompatibilityResult) -> Iterator[Case]:
    """One for each file that the script wrote: one content type that fits is enough."""
    for name in result.files:
        tried = [each for each in result.tried if each.file == name]
        fits = any(each.fits for each in tried)
        told = "; ".join(
            f"as {each.content_type}: {each.call.error or ENDED[each.call.outcome]}" for each in tried
        )
        found = Verdict.PASS if fits else Verdict.FAIL
        seconds = sum(each.call.seconds for each in tried)
        yield Case(name_of(result), name, seconds, found, told or "it was not given to the handler")
