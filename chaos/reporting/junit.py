"""junit.xml: each objective in each phase, and each check, as a test case, for the CI systems that show such files.

A fail is a failure, unknown an error; so neither is green. One more test case is the verdict itself, because a
run can be spoilt although every objective held.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree

from chaos.analysis import Summary
from chaos.sla.results import Verdict

__all__ = ["render_junit"]

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 forbids even as a character reference (section 2.2)."""


def render_junit(summary: Summary) -> str:
    """The document; valid XML whatever the texts hold."""
    phases = {window.phase: window.seconds for window in summary.windows}
    cases = [
        (
            f"{summary.run_id}.{result.probe}",
            f"{result.objective} in {result.phase}",
            phases.get(result.phase, 0.0),
            result.verdict,
            result.reason,
        )
        for result in summary.objectives
    ]
    cases += [
        (f"{summary.run_id}.checks", check.name, summary.seconds, check.verdict, check.reason)
        for check in summary.checks
    ]
    verdicts = [verdict for *_, verdict, _reason in cases] + [summary.verdict]
    totals = {
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count(Verdict.FAIL)),
        "errors": str(verdicts.count(Verdict.UNKNOWN)),
        "time": f"{summary.seconds:.3f}",
    }
    root = ElementTree.Element("testsuites", totals)
    started = datetime.fromtimestamp(summary.wall, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": _clean(summary.title), **totals, "skipped": "0", "timestamp": started}
    )
    properties = ElementTree.SubElement(suite, "properties")
    told = {
        "run_id": summary.run_id,
        "seed": str(summary.seed),
        "target": summary.target,
        "defects": ",".join(summary.defects),
        "replay": summary.replay,
        "version": summary.version,
    }
    for name, value in told.items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    _case(suite, summary.run_id, "verdict of the run", summary.seconds, summary.verdict, summary.reason)
    for case in cases:
        _case(suite, *case)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(
    suite: ElementTree.Element, group: str, name: str, seconds: float, verdict: Verdict, reason: str
) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": _clean(group), "name": _clean(name), "time": f"{seconds:.3f}"}
    )
    if verdict is not Verdict.PASS:
        tag, kind = ("failure", "failed") if verdict is Verdict.FAIL else ("error", "unknown")
        told = ElementTree.SubElement(case, tag, {"message": _clean(reason), "type": kind})
        told.text = _clean(reason)


def _clean(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
