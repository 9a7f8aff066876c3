"""Writes what a verification leaves: verify.json, junit.xml, report.html, and summary.md for a CI job's own page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from chaos.reporting.junit import Case, render_suite
from chaos.reporting.verify.document import verify_document
from chaos.reporting.verify.markdown import render_job_summary
from chaos.reporting.verify.page import render_page, replay_of
from chaos.reporting.verify.summary import FailureSummary, VerifySummary
from chaos.reporting.verify.words import again_said, numbered, steps_said
from chaos.reporting.write import write_file
from chaos.sla.results import Verdict

__all__ = ["render_cases", "write_reports"]


def write_reports(directory: Path, summary: VerifySummary) -> list[Path]:
    """Write verify.json, report.html, junit.xml and summary.md, and return their paths in this order.

    :param directory: that of the run; its files are named by it
    :raises OSError: if the directory cannot be written to; what was there before stays
    """
    document = json.dumps(verify_document(summary), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    texts = {
        "verify.json": document,
        "report.html": render_page(summary, directory),
        "junit.xml": render_cases(summary, directory),
        "summary.md": render_job_summary(summary, directory),
    }
    return [write_file(directory / name, text) for name, text in texts.items()]


def render_cases(summary: VerifySummary, directory: Path) -> str:
    """JUnit: one case a check. What a program failed in is a failure, and tells the smallest one.

    Of a verification that a failure ended the other checks are skipped, as not all programs ran; of one that cannot be
    told they are errors. So only a pass is green.

    :param directory: that of the run, to name its files by
    """
    told = {
        "run_id": summary.run_id,
        "seed": str(summary.seed),
        "target": summary.target,
        "defects": ",".join(summary.defects),
        "faults": ",".join(summary.faults),
        "profile": summary.profile,
        "replay": summary.replay,
        "version": summary.version,
    }
    title = f"verification of {summary.target}"
    return render_suite(title, summary.wall, summary.seconds, told, list(_cases(summary, directory)))


def _cases(summary: VerifySummary, directory: Path) -> Iterator[Case]:
    ran = f"{len(summary.examples)} of {summary.planned} programs"
    others = {
        Verdict.PASS: (Verdict.PASS, ""),
        Verdict.FAIL: (None, f"not failed in {ran}; then another check did"),
        Verdict.UNKNOWN: (Verdict.UNKNOWN, summary.reason),
    }
    failed = {failure.check: failure for failure in reversed(summary.failures)}
    # One that does not say what it judges by is not green for want of cases.
    for check in dict.fromkeys([*(summary.checks or ("verification",)), *failed]):
        if (failure := failed.get(check)) is not None:
            verdict, reason = Verdict.FAIL, _told(failure, directory)
            yield Case(summary.run_id, check, summary.seconds, verdict, reason)
        else:
            yield Case(summary.run_id, check, summary.seconds, *others[summary.verdict])


def _told(failure: FailureSummary, directory: Path) -> str:
    """What was found, the program, how often it fails, and how to run it."""
    parts = [
        "\n".join(failure.words),
        numbered(steps_said(failure.smallest.steps)),
        " ".join(again_said(failure)),
    ]
    return "\n\n".join(part for part in [*parts, replay_of(failure, directory)] if part)
