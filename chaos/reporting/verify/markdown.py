"""summary.md: the verdict, and the minimal program as a numbered list, for the page of a CI job (GitHub's job summary).

Texts that others chose are escaped, as in report.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chaos.reporting.markdown import code_block, inline_code, plain_text
from chaos.reporting.verify.page import HEADLINES, replay_of
from chaos.reporting.verify.summary import FailureSummary, VerifySummary
from chaos.reporting.verify.words import again_said, speed_said, steps_said
from chaos.reporting.words import SYMBOL, sentence, span

__all__ = ["render_job_summary"]

MOST_STEPS, MOST_DOUBTS = 60, 10


def render_job_summary(summary: VerifySummary, directory: Path) -> str:
    """The whole page, some thousand characters.

    :param directory: that of the run, to name its files by
    """
    facts = [
        ("Target", summary.target),
        ("Seed", str(summary.seed)),
        ("Programs", f"{len(summary.examples)} of {summary.planned}"),
        ("Operations", f"{summary.operations} ({speed_said(summary.rate)})"),
        ("Faults", ", ".join(summary.faults) or "none"),
        ("Duration", span(round(summary.seconds, 1))),
    ]
    doubts = [*summary.problems, *summary.unknown][:MOST_DOUBTS]
    lines = [
        f"## {SYMBOL[summary.verdict]} {HEADLINES[summary.verdict]}",
        "",
        f"**{plain_text(sentence(summary.reason), 1000)}**",
        "",
        " · ".join(f"{name} {inline_code(value)}" for name, value in facts),
        "",
        *(line for failure in summary.failures for line in _failure(failure, directory)),
        *(f"- ? {plain_text(words)}" for words in doubts),
        *([""] if doubts else []),
        "Verify it again:",
        "",
        *code_block(summary.replay[:4000]),
    ]
    return "\n".join(lines) + "\n"


def _failure(failure: FailureSummary, directory: Path) -> Iterator[str]:
    yield f"### {plain_text(failure.check)}"
    yield ""
    yield from (f"- ✗ {plain_text(words)}" for words in failure.words[:MOST_DOUBTS])
    yield ""
    steps = steps_said(failure.smallest.steps)
    yield from (f"{number}. {plain_text(step)}" for number, step in enumerate(steps[:MOST_STEPS], start=1))
    yield from [f"\n… and {len(steps) - MOST_STEPS} more steps."] if len(steps) > MOST_STEPS else []
    yield from ["", plain_text(" ".join(again_said(failure)), 1000), ""]
    if replay := replay_of(failure, directory):
        yield from ["Run it again:", "", *code_block(replay[:4000]), ""]
