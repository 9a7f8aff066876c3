"""Coverage as tables: how often each operation was asked in which state of its model, in what company, beside what."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chaos.operations.coverage import Coverage, Point

__all__ = ["Heat", "HeatTable", "circumstances", "states"]

ALWAYS = ("register", "unregister", "infer", "describe", "list")
"""Operations that every target has: they have a row, also if they were never asked."""

STATES = {
    "absent": "not there",
    "none": "no worker",
    "one": "one worker",
    "several": "several",
    "unsure": "nobody knows",
}
"""Of an operation's model, in the order of the columns."""
ANY = "any"
"""The state of those that are about no model."""

OUTCOMES = ("ok", "fail", "info")
COMPANY = ("alone", "beside")


@dataclass(frozen=True, slots=True)
class Heat:
    """A number, and how much of the most of its group it is, from 0 to 1 (by its logarithm); both None where there can
    be nothing."""

    times: int | None
    share: float | None


@dataclass(frozen=True, slots=True)
class HeatTable:
    """Numbers by operation; ``groups`` of columns with their names, and how many columns each has.

    ``reached`` of ``possible`` numbers are not 0.
    """

    groups: tuple[tuple[str, int], ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Heat, ...]], ...]

    @property
    def possible(self) -> int:
        """How many numbers there are."""
        return sum(heat.times is not None for _, row in self.rows for heat in row)

    @property
    def reached(self) -> int:
        """How many are not 0."""
        return sum(bool(heat.times) for _, row in self.rows for heat in row)


def states(coverage: Coverage) -> HeatTable:
    """Operations by the state of their model before them; those about no model have a column of their own."""
    found: Counter[tuple[str, str]] = Counter()
    for (operation, state, _, _, _), times in coverage.points.items():
        found[operation, state] += times
    about_none = {operation for operation, state in found if state == ANY} | {"list"}
    columns = [*STATES, ANY]
    numbers = {
        (operation, state): found[operation, state]
        for operation in _operations(coverage)
        for state in columns
        if (state == ANY) == (operation in about_none) or found[operation, state]
    }
    heads = (*STATES.values(), "of no model")
    return HeatTable((("state of its model", len(columns)),), heads, _rows(coverage, [columns], numbers))


def circumstances(coverage: Coverage) -> HeatTable:
    """Operations by their company, by the fault in force, and by how they ended."""
    points = coverage.points.items()
    faults = sorted(
        {fault for (_, _, _, fault, _), _ in points} | {"none"}, key=lambda name: (name != "none", name)
    )
    found: Counter[tuple[str, str]] = Counter()
    for (operation, _, company, fault, outcome), times in points:
        for column in (f"company {company}", f"fault {fault}", f"outcome {outcome}"):
            found[operation, column] += times
    columns = [
        [f"company {name}" for name in COMPANY],
        [f"fault {name}" for name in faults],
        [f"outcome {name}" for name in OUTCOMES],
    ]
    numbers = {
        (operation, column): found[operation, column]
        for operation in _operations(coverage)
        for group in columns
        for column in group
    }
    groups = (("company", len(COMPANY)), ("fault in force", len(faults)), ("how it ended", len(OUTCOMES)))
    return HeatTable(groups, (*COMPANY, *faults, *OUTCOMES), _rows(coverage, columns, numbers))


def _operations(coverage: Coverage) -> list[str]:
    """In the order of the program's life, then those that only some targets have."""
    return list(dict.fromkeys([*ALWAYS, *sorted(_asked(coverage.points))]))


def _asked(points: Iterable[Point]) -> set[str]:
    return {operation for operation, *_ in points}


def _rows(
    coverage: Coverage, groups: Sequence[Sequence[str]], numbers: dict[tuple[str, str], int]
) -> tuple[tuple[str, tuple[Heat, ...]], ...]:
    """Shaded by group, as numbers of one are to be compared."""
    most = {
        column: max((times for (_, other), times in numbers.items() if other in group), default=0)
        for group in groups
        for column in group
    }
    return tuple(
        (operation, tuple(_heat(numbers.get((operation, column)), most[column]) for column in most))
        for operation in _operations(coverage)
    )


def _heat(times: int | None, most: int) -> Heat:
    if times is None:
        return Heat(None, None)
    return Heat(times, round(math.log1p(times) / math.log1p(most), 3) if most else 0.0)
