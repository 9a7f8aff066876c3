"""junit.xml: each objective in each phase, and each check, as a test case, for the CI systems that show such files.

A fail is a failure, unknown an error; so neither is green. One more test case is the verdict itself, because a
run can be spoilt although every objective held.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree

from chaos.analysis import Summary
from chaos.reporting.matrix.summary import MatrixSummary
from chaos.sla.results import Verdict

__all__ = ["Case", "render_junit", "render_suite", "told_of"]

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 forbids even as a character reference (section 2.2)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One test case; ``verdict`` is None for one that does not apply, which is skipped."""

    group: str
    name: str
    seconds: float
    verdict: Verdict | None
    reason: str


def render_junit(summary: Summary) -> str:
    """The document; valid XML whatever the texts hold."""
    phases = {window.phase: window.seconds for window in summary.windows}
    cases = [Case(summary.run_id, "verdict of the run", summary.seconds, summary.verdict, summary.reason)]
    cases += [
        Case(
            f"{summary.run_id}.{result.probe}",
            f"{result.objective} in {result.phase}",
            phases.get(result.phase, 0.0),
            result.verdict,
            result.reason,
        )
        for result in summary.objectives
    ]
    cases += [
        Case(f"{summary.run_id}.checks", check.name, summary.seconds, check.verdict, check.reason)
        for check in summary.checks
    ]
    cases += [
        Case(
            f"{summary.run_id}.cells",
            cell.name,
            cell.seconds,
            cell.verdict if cell.applicable else None,
            cell.reason,
        )
        for cell in summary.cells
    ]
    return render_suite(summary.title, summary.wall, summary.seconds, told_of(summary), cases)


def told_of(run: Summary | MatrixSummary) -> dict[str, str]:
    """The properties of a suite: what it takes to run it again."""
    return {
        "run_id": run.run_id,
        "seed": str(run.seed),
        "target": run.target,
        "defects": ",".join(run.defects),
        "replay": run.replay,
        "version": run.version,
    }


def render_suite(
    title: str, wall: float, seconds: float, properties: Mapping[str, str], cases: Sequence[Case]
) -> str:
    """A document of one suite.

    :param wall: when it began, in seconds since the epoch
    """
    verdicts = [case.verdict for case in cases]
    totals = {
        "tests": str(len(cases)),
        "failures": str(verdicts.count(Verdict.FAIL)),
        "errors": str(verdicts.count(Verdict.UNKNOWN)),
        "time": f"{seconds:.3f}",
    }
    root = ElementTree.Element("testsuites", totals)
    started = datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    more = {"skipped": str(verdicts.count(None)), "timestamp": started}
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(title), **totals, **more})
    told = ElementTree.SubElement(suite, "properties")
    for name, value in properties.items():
        ElementTree.SubElement(told, "property", {"name": name, "value": _clean(value)})
    for case in cases:
        _add(suite, case)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add(suite: ElementTree.Element, case: Case) -> None:
    about = {
        "classname": _clean(case.group),
        "name": _clean(case.name),
        "time": f"{case.seconds:.3f}",
    }
    element = ElementTree.SubElement(suite, "testcase", about)
    if case.verdict is None:
        ElementTree.SubElement(element, "skipped", {"message": _clean(case.reason)})
    elif case.verdict is not Verdict.PASS:
        tag, kind = ("failure", "failed") if case.verdict is Verdict.FAIL else ("error", "unknown")
        told = ElementTree.SubElement(element, tag, {"message": _clean(case.reason), "type": kind})
        told.text = _clean(case.reason)


def _clean(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
