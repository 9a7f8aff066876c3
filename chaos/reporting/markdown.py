"""report.md: a run in the space of a pull-request comment, with the verdict first.

Texts that others chose are escaped: they can neither break the table nor mention anybody.
"""

from __future__ import annotations

import re

from chaos.analysis import Summary
from chaos.reporting.words import (
    HEADLINE,
    NOTHING,
    PHASES,
    SYMBOL,
    ended,
    facts,
    interval,
    limit,
    quantity,
    rows,
    span,
)
from chaos.sla.results import ObjectiveResult, Verdict

__all__ = ["code_block", "inline_code", "plain_text", "render_markdown"]

MAX_ROWS = 40
MAX_TEXT = 300
"""Characters of one text in a cell or a list; GitHub takes 65,536 in a comment."""

PRIORITY = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.PASS: 2}


def render_markdown(summary: Summary) -> str:
    """The whole comment, at most 60,000 characters: of many objectives those that failed come first."""
    lines = [
        *_alarm(summary),
        f"## {SYMBOL[summary.verdict]} {HEADLINE[summary.verdict]}: {plain_text(summary.title)}",
        "",
        f"**{plain_text(summary.reason, 1000)}**",
        "",
        " · ".join(f"{name} {inline_code(value)}" for name, value in facts(summary)),
        "",
        *_table(summary),
        *_checks(summary),
        *_cells(summary),
        *_faults(summary),
        *_doubts(summary),
        "Run it again:",
        "",
        *code_block(summary.replay[:4000]),
    ]
    return "\n".join(lines) + "\n"


def _alarm(summary: Summary) -> list[str]:
    """What nobody may miss, above everything else."""
    lines = [
        f"> **A fault may still be in force:** {plain_text(fault.id)} could not be reverted: "
        f"{plain_text(fault.left, 1000)}"
        for fault in summary.left[:MAX_ROWS]
    ]
    return [*lines, ""] if lines else []


def _checks(summary: Summary) -> list[str]:
    """Those that failed first."""
    found = sorted(summary.checks, key=lambda check: PRIORITY[check.verdict])[:MAX_ROWS]
    lines = [
        f"- {SYMBOL[check.verdict]} {plain_text(check.name)}: {plain_text(check.reason)}" for check in found
    ]
    return [*lines, ""] if lines else []


def _cells(summary: Summary) -> list[str]:
    """Those that failed first."""
    found = sorted(summary.cells, key=lambda cell: PRIORITY[cell.verdict])[:MAX_ROWS]
    lines = [
        f"- {SYMBOL[cell.verdict]} {plain_text(cell.name[:1].upper() + cell.name[1:])}: {plain_text(cell.reason)}"
        for cell in found
    ]
    return [*lines, ""] if lines else []


def _table(summary: Summary) -> list[str]:
    table = sorted(rows(summary.objectives), key=lambda row: PRIORITY[row[2]])
    if not table:
        return ["No objective was judged.", ""]
    lines = [
        "| | objective | limit | " + " | ".join(PHASES) + " |",
        "|---|---|---|" + "---|" * len(PHASES),
    ]
    for probe, objective, verdict, results in table[:MAX_ROWS]:
        cells = [_cell(results.get(phase)) for phase in PHASES]
        told = f"{plain_text(probe)}: {plain_text(objective)}"
        shown = plain_text(limit(next(iter(results.values()))))
        lines.append(f"| {SYMBOL[verdict]} | {told} | {shown} | " + " | ".join(cells) + " |")
    if len(table) > MAX_ROWS:
        lines.append(f"\n{len(table) - MAX_ROWS} more objectives are in report.html.")
    return [*lines, ""]


def _cell(result: ObjectiveResult | None) -> str:
    if result is None:
        return ""
    spread = f" ({interval(result)})" if interval(result) else ""
    return plain_text(
        f"{SYMBOL[result.verdict]} {quantity(result.estimate, result.unit)}{spread}, n = {result.n}"
    )


def _faults(summary: Summary) -> list[str]:
    lines = []
    for fault in summary.faults[:MAX_ROWS]:
        arguments = ", ".join(f"{name} {value}" for name, value in fault.arguments.items() if name != "model")
        since = (
            "never" if fault.injected is None else f"{span(fault.injected - summary.start)} after the start"
        )
        on = f" on {plain_text(fault.model)}" if fault.model else ""
        given = f" ({plain_text(arguments)})" if arguments else ""
        did = f" ({plain_text(fault.did)})" if fault.did else ""
        held = "" if fault.seconds is None else f", held {span(fault.seconds)}"
        lines.append(
            f"- Fault {plain_text(fault.fault)}{on}{given}: injected {since}{held}, {plain_text(ended(fault))}{did}"
        )
    return [*lines, ""] if lines else []


def _doubts(summary: Summary) -> list[str]:
    lines = [
        f"- ✗ Guard of {plain_text(str(guard['probe']))} tripped: budget burned {guard['burn']:.1f} times too fast"
        for guard in summary.guards[:MAX_ROWS]
    ]
    lines += [f"- ? {plain_text(problem)}" for problem in summary.problems[:MAX_ROWS]]
    return [*lines, ""] if lines else []


def plain_text(text: str, most: int = MAX_TEXT) -> str:
    """One line of plain text, whatever it holds; a mention or a reference is cut in two by an empty comment."""
    line = " ".join(_printable(text).split())
    line = line if len(line) <= most else line[: most - 1] + "…"
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", line)
    return re.sub(r"([@#])(?=\w)", r"\1<!-- -->", line)


def inline_code(text: str) -> str:
    """A code span; its fence is longer than any run of backticks in it."""
    line = " ".join(_printable(text).split())[:MAX_TEXT] or NOTHING
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


def code_block(text: str) -> list[str]:
    """The lines of a block of code; its fence is longer than any run of backticks in it."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return [f"{fence}sh", _printable(text), fence]


def _printable(text: str) -> str:
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text
    )
