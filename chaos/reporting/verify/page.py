"""report.html of a verification: what failed with its picture, what was reached, how it went; one file, no network."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from chaos.reporting.axes import Figure
from chaos.reporting.html import environment
from chaos.reporting.verify.lanes import lanes_figure
from chaos.reporting.verify.plots import examples_figure, memory_figure
from chaos.reporting.verify.summary import FailureSummary, VerifySummary
from chaos.reporting.verify.tables import circumstances, states
from chaos.reporting.verify.words import again_said, speed_said, steps_said
from chaos.reporting.words import instant, span
from chaos.sla.results import Verdict

__all__ = ["render_page", "replay_of"]

HEADLINES = {
    Verdict.PASS: "No program failed",
    Verdict.FAIL: "A program failed",
    Verdict.UNKNOWN: "It cannot be told",
}


@dataclass(frozen=True, slots=True)
class _Part:
    """A failure as the page shows it; ``figure`` is that of its last run."""

    id: str
    failure: FailureSummary
    steps: list[str]
    found: list[str]
    again: list[str]
    replay: str
    figure: Figure | None


def render_page(summary: VerifySummary, directory: Path) -> str:
    """The whole page.

    :param directory: that of the run, to name its files by
    """
    parts = [_part(number, failure, directory) for number, failure in enumerate(summary.failures)]
    figures = {part.id: part.figure for part in parts if part.figure is not None}
    figures |= {"examples": examples_figure(summary)} if summary.examples else {}
    figures |= {"memory": memory_figure(summary)} if summary.memory else {}
    return (
        environment()
        .get_template("verify.html.j2")
        .render(
            summary=summary,
            title=HEADLINES[summary.verdict],
            facts=_facts(summary),
            parts=parts,
            tables=[
                ("By the state of its model before it", states(summary.coverage)),
                ("By its company, the fault in force, and how it ended", circumstances(summary.coverage)),
            ],
            figures=figures,
        )
    )


def replay_of(failure: FailureSummary, directory: Path) -> str:
    """The command that runs its counterexample; empty if there is none."""
    return (
        shlex.join(["chaos", "run", str(directory / failure.counterexample)])
        if failure.counterexample
        else ""
    )


def _part(number: int, failure: FailureSummary, directory: Path) -> _Part:
    return _Part(
        id=f"picture-{number}",
        failure=failure,
        steps=steps_said(failure.smallest.steps),
        found=steps_said(failure.program.steps) if failure.program != failure.smallest else [],
        again=again_said(failure),
        replay=replay_of(failure, directory),
        figure=None if failure.record is None else lanes_figure(failure.record, failure.violations),
    )


def _facts(summary: VerifySummary) -> list[tuple[str, str]]:
    profile = f" ({summary.profile})" if summary.profile else ""
    return [
        ("Target", summary.target),
        ("Seed", str(summary.seed)),
        ("Defects", ", ".join(summary.defects) or "none"),
        ("Programs", f"{len(summary.examples):,} of {summary.planned:,}{profile}"),
        ("Steps", f"up to {summary.steps}"),
        ("Operations", f"{summary.operations:,}"),
        ("Speed", speed_said(summary.rate)),
        ("Faults", ", ".join(summary.faults) or "none"),
        ("Duration", span(round(summary.seconds, 1))),
        ("Date", instant(summary.wall)),
    ]
