"""What programs have reached: operations, by the state of their model, beside each fault, and with each outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.operations.checks.answers import followed
from chaos.operations.record import Done, ProgramRecord
from chaos.operations.reference import Reference

__all__ = ["Coverage", "Point", "points_of"]

Point = tuple[str, str, str, str, str]
"""Operation, state of its model, ``alone`` or ``beside`` others, fault in force (``none``), outcome."""


@dataclass(slots=True)
class Coverage:
    """How often each point was reached, and in how many programs anything was."""

    points: Counter[Point] = field(default_factory=Counter)
    programs: int = 0
    operations: int = 0

    def add(self, points: Mapping[Point, int]) -> None:
        """Count a program that reached these."""
        self.programs += 1
        self.operations += sum(points.values())
        self.points.update(points)

    def table(self) -> Mapping[str, Mapping[str, int]]:
        """By operation and state of its model, how often: faults and outcomes taken together."""
        found: dict[str, Counter[str]] = {}
        for (operation, state, _, _, _), times in self.points.items():
            found.setdefault(operation, Counter())[state] += times
        return found

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        names = ("operation", "state", "company", "fault", "outcome")
        return {
            "programs": self.programs,
            "operations": self.operations,
            "points": [
                {**dict(zip(names, point, strict=True)), "times": times}
                for point, times in sorted(self.points.items())
            ],
        }


def points_of(record: ProgramRecord) -> Counter[Point]:
    """What one run of a program reached, and how often."""
    points: Counter[Point] = Counter()
    for reference, step in followed(record):
        done = record.of_step(step)
        points.update(_point(record, reference, each, len(done) > 1) for each in done)
    return points


def _point(record: ProgramRecord, reference: Reference, done: Done, beside: bool) -> Point:
    faults = _in_force(record.faults, done)
    return done.operation, _state(reference, done), "beside" if beside else "alone", faults, done.outcome


def _state(reference: Reference, done: Done) -> str:
    known = reference.models.get(done.model)
    if known is None:
        return "any"
    if not known.sure:
        return "unsure"
    if known.workers is None:
        return "absent"
    return {0: "none", 1: "one"}.get(known.workers, "several")


def _in_force(faults: Iterable[tuple[float, float, str]], done: Done) -> str:
    names = {name for start, end, name in faults if start <= done.last and done.start <= end}
    return "+".join(sorted(names)) or "none"
