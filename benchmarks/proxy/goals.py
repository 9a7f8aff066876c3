"""Numbers of many rounds, and the goals that are judged by them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

__all__ = ["OTHERS", "Figure", "Goal", "Section"]

OTHERS = {"others": ("others' share %", 100.0, 0)}
"""The column of :class:`benchmarks.others.Others`."""


@dataclass(slots=True)
class Figure:
    """One quantity of one way over the rounds."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return median(self.values)

    def text(self, scale: float, digits: int) -> str:
        """Median and range, in another unit: each value times ``scale``."""
        middle, low, high = (value * scale for value in (self.median, min(self.values), max(self.values)))
        return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


@dataclass(frozen=True, slots=True)
class Goal:
    """What our proxy is to reach: ``value`` at least or at most ``bound``."""

    what: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it is reached; what could not be measured (NaN) is not."""
        if math.isnan(self.value):
            return False
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        verdict = "met" if self.met else "MISSED"
        return f"  {verdict:<7} {self.what:<62} {self.value:7.2f}  (goal {sign} {self.bound:g})"

    @classmethod
    def ratio(cls, what: str, ours: float, theirs: float, bound: float, at_least: bool = False) -> Goal:
        """Ours over HAProxy's; nothing can be said (NaN) where theirs is not above zero, lost in the noise."""
        return cls(f"{what}, HAProxy's = 1", ours / theirs if theirs > 0 else math.nan, bound, at_least)


@dataclass(slots=True)
class Section:
    """One part of the benchmark: figures by way and name, and the goals that follow from them."""

    title: str
    figures: dict[str, dict[str, Figure]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)

    def add(self, way: str, **values: float) -> None:
        """Take in what one turn of a way came to."""
        row = self.figures.setdefault(way, {})
        for name, value in values.items():
            row.setdefault(name, Figure()).values.append(value)

    def median(self, way: str, name: str) -> float:
        """The median of one figure."""
        return self.figures[way][name].median

    @property
    def others(self) -> float:
        """The others' share of the machine in the way's turns where it was largest; 0 where it was not watched."""
        return max((row["others"].median for row in self.figures.values() if "others" in row), default=0.0)

    def show(self, units: dict[str, tuple[str, float, int]]) -> None:
        """Print the table: for each figure its heading, the factor to the heading's unit, and the digits."""
        print(f"\n{self.title}")
        print("  " + " " * 12 + "".join(f"{heading:>28}" for heading, _, _ in units.values()))
        for way, row in self.figures.items():
            cells = (
                row[name].text(scale, digits) if name in row else "-"
                for name, (_, scale, digits) in units.items()
            )
            print(f"  {way:<12}" + "".join(f"{cell:>28}" for cell in cells))
        for goal in self.goals:
            print(goal, flush=True)

    def as_json(self) -> dict[str, Any]:
        """Everything, in base units."""
        return {
            "title": self.title,
            "figures": {
                way: {name: figure.values for name, figure in row.items()}
                for way, row in self.figures.items()
            },
            "goals": [{**asdict(goal), "met": goal.met} for goal in self.goals],
        }
