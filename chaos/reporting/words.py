"""How verdicts, values, durations and instants are said, the same in every report.

A report is read by people: names of verdicts come with a sign beside the colour, and a missing value is
a dash, never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from chaos.analysis import FaultInterval, Summary
from chaos.properties.base import Measure
from chaos.properties.table import CODES
from chaos.sla.results import ObjectiveResult, Verdict, worst
from chaos.sla.words import quantity as spoken

__all__ = [
    "HEADLINE",
    "NOTHING",
    "SYMBOL",
    "ended",
    "facts",
    "fault_said",
    "instant",
    "interval",
    "limit",
    "measured",
    "measured_range",
    "quantity",
    "rows",
    "sentence",
    "span",
]

SYMBOL = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.UNKNOWN: "?"}
HEADLINE = {Verdict.PASS: "It held", Verdict.FAIL: "It did not hold", Verdict.UNKNOWN: "We cannot tell"}
NOTHING = "\N{EN DASH}"
"""Stands where there is no value."""
TIMES = "\N{MULTIPLICATION SIGN}"

PHASES = ("baseline", "fault", "recovery")


def quantity(value: float | None, unit: str) -> str:
    """A value in a result's unit, as :mod:`chaos.sla.words` says it, with the sign of a ratio."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return spoken(value, unit) + (TIMES if unit == "ratio" else "")


def interval(result: ObjectiveResult) -> str:
    """The 95 % confidence interval, such as ``980 ms to 1.2 s``; empty where there is none, or no width."""
    low, high = quantity(result.low, result.unit), quantity(result.high, result.unit)
    return "" if low == high else f"{low} to {high}"


def limit(result: ObjectiveResult) -> str:
    """The limit with its side, such as ``at most 250 ms``."""
    return f"at {'most' if result.upper else 'least'} {quantity(result.limit, result.unit)}"


def measured(value: float | None, unit: str) -> str:
    """A number of a measure of :mod:`chaos.properties` with its unit, as few digits as tell it."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if unit == "s":
        return span(value) if value >= 0 else f"\N{MINUS SIGN}{span(-value)}"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{text} {unit}" if unit else text


def measured_range(measure: Measure) -> str:
    """A measure's interval, or nothing for a census; a unit that is a word stands with the estimate alone."""
    if measure.low is None or measure.high is None:
        return NOTHING
    unit = measure.unit if measure.unit == "s" else ""
    return f"{measured(measure.low, unit)} to {measured(measure.high, unit)}"


def span(seconds: float | None) -> str:
    """A duration in the unit that fits, from microseconds to hours."""
    if seconds is None:
        return NOTHING
    if seconds < 120:
        return spoken(seconds, "s") if seconds else "0 s"
    whole = round(seconds)
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def instant(wall: float) -> str:
    """A wall-clock instant (seconds since the epoch) in UTC."""
    moment = datetime.fromtimestamp(wall, UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M:%S} UTC"


def ended(fault: FaultInterval) -> str:
    """How a fault ended, in words."""
    if fault.left:
        return f"NOT REVERTED: {fault.left}"
    if fault.injected is None:
        return fault.reason or "never injected"
    if fault.reverted is None:
        return fault.reason or "not seen to be reverted (`chaos recover` reverts what was left behind)"
    return fault.reason or "reverted"


def fault_said(event: Mapping[str, Any]) -> str:
    """A fault by an event of its life, such as ``fault handler_dos on hostile``."""
    return f"fault {event['fault']}" + (f" on {event['model']}" if event.get("model") else "")


def sentence(text: str) -> str:
    """With a capital and a full stop, whatever it began and ended with."""
    return text[:1].upper() + text[1:].rstrip(".") + "."


def facts(summary: Summary) -> list[tuple[str, str]]:
    """The key facts of a run, as names and values in the order they are read."""
    modes = _distinct(fault.arguments.get("mode") for fault in summary.faults)
    kinds = _distinct(fault.fault for fault in summary.faults)
    properties = _distinct(CODES[cell.code] for cell in summary.cells)
    found = [
        ("Target", summary.target),
        ("Seed", str(summary.seed)),
        ("Defects", ", ".join(summary.defects) or "none"),
        ("Fault", ", ".join(kinds) or "none"),
    ]
    if properties:
        found.append(("Measured", ", ".join(properties)))
    if modes:
        found.append(("Mode", ", ".join(modes)))
    return [*found, ("Duration", span(summary.seconds)), ("Date", instant(summary.wall))]


def rows(
    results: Iterable[ObjectiveResult],
) -> list[tuple[str, str, Verdict, dict[str, ObjectiveResult]]]:
    """Results by probe and objective: ``(probe, objective, worst verdict, phase → result)``, in order."""
    table: dict[tuple[str, str], dict[str, ObjectiveResult]] = {}
    for result in results:
        table.setdefault((result.probe, result.objective), {})[result.phase] = result
    return [
        (probe, objective, worst(entry.verdict for entry in phases.values()), phases)
        for (probe, objective), phases in table.items()
    ]


def _distinct(values: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value))
