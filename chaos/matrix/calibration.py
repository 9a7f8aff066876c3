"""What a calibration found: false alarms on the correct platform, and how often each defect was caught, and by what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chaos.matrix.trials import Trial
from chaos.properties.base import CellResult
from chaos.reporting.matrix.summary import NOT_APPLICABLE, verdict_said
from chaos.sla.rates import Rate

__all__ = ["UNKNOWN", "Calibration", "Tally"]

DETECTED = 0.95
"""Of the trials with a defect, at least this share has to fail, in each cell that is to find it."""

FALSE_ALARMS = 0.01
UNKNOWN = 0.05
"""Of the runs on the correct platform, at most."""


@dataclass(slots=True)
class Tally:
    """The verdicts on one cell, with one defect or none; ``checks`` counts the measures that failed, by name."""

    verdicts: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)
    """Of what was not as it should be, with the trial."""

    def add(self, trial: Trial, cell: CellResult) -> None:
        """Count one."""
        verdict = verdict_said(cell)
        self.verdicts[verdict] += 1
        self.checks.update({each.name for each in cell.measures if each.verdict.value == "fail"})
        if verdict != ("fail" if trial.defect else "pass"):
            self.reasons.append(f"{trial.name}: {verdict}: {cell.reason}")

    def rate(self, verdict: str) -> Rate:
        """How many were so, of those that apply."""
        return Rate(self.verdicts[verdict], self.verdicts.total() - self.verdicts[NOT_APPLICABLE])


@dataclass(slots=True)
class Calibration:
    """All tallies: ``correct`` by cell, ``defective`` by defect and cell. ``loaded``: while others took all cores."""

    loaded: bool = False
    correct: dict[str, Tally] = field(default_factory=dict)
    defective: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def add(self, trial: Trial, cells: Iterable[CellResult]) -> None:
        """Count a trial's cells."""
        for cell in cells:
            name = f"{cell.api}:{cell.code}"
            tally = (
                self.defective.setdefault((trial.defect, name), Tally())
                if trial.defect
                else self.correct.setdefault(name, Tally())
            )
            tally.add(trial, cell)

    def rate(self, verdict: str) -> Rate:
        """How many of all cells on the correct platform were so."""
        rates = [tally.rate(verdict) for tally in self.correct.values()]
        return Rate(sum(rate.count for rate in rates), sum(rate.n for rate in rates))

    def missed(self) -> list[str]:
        """The targets that were missed, each in a sentence; a calibration that has tried nothing missed them all."""
        found = [
            f"{defect} was found by {cell} in {rate.count} of {rate.n} trials, fewer than {DETECTED:.0%}"
            for (defect, cell), tally in self.defective.items()
            if (rate := tally.rate("fail")).share is None or rate.share < DETECTED
        ]
        for verdict, most, what in (
            ("fail", FALSE_ALARMS, "false alarms"),
            ("unknown", UNKNOWN, "runs that cannot be told"),
        ):
            rate = self.rate(verdict)
            if rate.share is not None and rate.share > most and not (self.loaded and verdict == "unknown"):
                found.append(
                    f"{rate.count} {what} in {rate.n} runs on the correct platform, more than {most:.0%}"
                )
        if not self.correct and not self.defective:
            found.append("nothing was tried")
        return found

    def document(self) -> dict[str, Any]:
        """As JSON values: ``loaded``, ``missed``, ``false_alarms``, ``unknown``, ``cells``, ``defects``."""
        return {
            "loaded": self.loaded,
            "missed": self.missed(),
            "false_alarms": self.rate("fail").document(),
            "unknown": self.rate("unknown").document(),
            "cells": [{"cell": cell, **_told(tally)} for cell, tally in self.correct.items()],
            "defects": [
                {"defect": defect, "cell": cell, "detected": tally.rate("fail").document(), **_told(tally)}
                for (defect, cell), tally in self.defective.items()
            ],
        }


def _told(tally: Tally) -> dict[str, Any]:
    return {
        "verdicts": dict(tally.verdicts),
        "checks": dict(tally.checks.most_common()),
        "reasons": tally.reasons,
    }
