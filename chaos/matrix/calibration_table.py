"""calibrate.md: the tables of a calibration, misses included, as they stand in docs/."""

from __future__ import annotations

from chaos.matrix.calibration import Calibration, Tally
from chaos.reporting.matrix.summary import NOT_APPLICABLE
from chaos.sla.rates import Rate

__all__ = ["render_table"]


def render_table(calibration: Calibration, about: str) -> str:
    """The whole document.

    :param about: what was tried, in a sentence
    """
    lines = ["# What the cells find, and what they do not", "", about, "", *_overall(calibration)]
    if calibration.defective:
        lines += ["", "## Defects", "", *_defects(calibration)]
    if calibration.correct:
        lines += ["", "## Cells on the correct platform", "", *_cells(calibration)]
    reasons = [
        reason
        for tally in (*calibration.defective.values(), *calibration.correct.values())
        for reason in tally.reasons
    ]
    if reasons:
        lines += ["", "## What was not as it should be", "", *(f"- {_text(reason)}" for reason in reasons)]
    return "\n".join(lines) + "\n"


def _overall(calibration: Calibration) -> list[str]:
    lines = []
    if calibration.correct:
        lines += [
            f"- False alarms: {_rate(calibration.rate('fail'))} cell runs on the correct platform.",
            f"- Cannot be told: {_rate(calibration.rate('unknown'))}.",
        ]
    if calibration.defective:
        found = [tally.rate("fail") for tally in calibration.defective.values()]
        total = Rate(sum(rate.count for rate in found), sum(rate.n for rate in found))
        names = {defect for defect, _cell in calibration.defective}
        lines.append(f"- Found: {_rate(total)} cell runs with one of {len(names)} defects.")
    missed = calibration.missed()
    return [*lines, "- Targets missed: " + ("; ".join(missed) + "." if missed else "none.")]


def _defects(calibration: Calibration) -> list[str]:
    return [
        "| defect | cell | found | 95 % interval | cannot be told | caught by |",
        "|---|---|---|---|---|---|",
        *(
            f"| `{defect}` | {cell} | {_of(tally.rate('fail'))} | {_interval(tally.rate('fail'))} "
            f"| {tally.verdicts['unknown']} | {_checks(tally)} |"
            for (defect, cell), tally in sorted(calibration.defective.items())
        ),
    ]


def _cells(calibration: Calibration) -> list[str]:
    return [
        "| cell | pass | fail | cannot be told | not applicable | false alarm by |",
        "|---|---|---|---|---|---|",
        *(
            f"| {cell} | {tally.verdicts['pass']} | {tally.verdicts['fail']} | {tally.verdicts['unknown']} "
            f"| {tally.verdicts[NOT_APPLICABLE]} | {_checks(tally)} |"
            for cell, tally in calibration.correct.items()
        ),
    ]


def _of(rate: Rate) -> str:
    return f"{rate.count} of {rate.n}"


def _interval(rate: Rate) -> str:
    found = rate.interval
    return "" if found is None else f"{found[0]:.1%} to {found[1]:.1%}"


def _rate(rate: Rate) -> str:
    if rate.share is None:
        return "none of 0"
    return f"{_of(rate)} ({rate.share:.2%}, 95 % interval {_interval(rate)})"


def _checks(tally: Tally) -> str:
    return ", ".join(f"{_text(name)} ({count})" for name, count in tally.checks.most_common())


def _text(text: str) -> str:
    line = "".join(char if char.isprintable() else " " for char in text)
    return line.replace("|", "\\|").replace("<", "&lt;")
