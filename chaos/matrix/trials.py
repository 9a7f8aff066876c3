"""What a calibration tries: rounds of cells on the correct platform, and each defect's cells on one that has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaos.embedded.defects import Defect, parse_defects
from chaos.errors import ChaosError
from chaos.properties.table import Cell
from chaos.session.plan import sub_seed

__all__ = ["Trial", "defects_named", "trials_of"]


@dataclass(frozen=True, slots=True)
class Trial:
    """Cells to be measured on a platform of their own; ``defect`` is empty where it is to be correct."""

    name: str
    defect: str
    cells: tuple[Cell, ...]
    seed: int


def defects_named(text: str, cells: Sequence[Cell]) -> tuple[Defect, ...]:
    """The defects that a list names, ``all`` or ``none``: of ``all`` those that one of the cells is to find.

    :raises ChaosError: if a word names none, or one that no cell asked for is to find
    """
    if text == "none":
        return ()
    if text == "all":
        return tuple(defect for defect in Defect if _found_by(defect, cells))
    named = parse_defects(word.strip() for word in text.split(",") if word.strip())
    for defect in sorted(named):
        if not _found_by(defect, cells):
            raise ChaosError(
                f"--defects {defect}: none of the cells is to find it "
                f"({', '.join(defect.cells) or 'no cell of the matrix'} is; name it with --cells)"
            )
    if not named:
        raise ChaosError("--defects: none is named (give 'all', 'none', or names separated by commas)")
    return tuple(defect for defect in Defect if defect in named)


def trials_of(
    cells: Sequence[Cell], defects: Sequence[Defect], trials: int, clean_runs: int, seed: int
) -> tuple[Trial, ...]:
    """All trials, round by round, so that a calibration that is cut short has tried everything alike."""
    found: list[Trial] = []
    for number in range(max(trials, clean_runs)):
        if number < clean_runs:
            found.append(_trial("", tuple(cells), seed, number))
        if number < trials:
            found += [_trial(defect.value, _found_by(defect, cells), seed, number) for defect in defects]
    return tuple(found)


def _trial(defect: str, cells: tuple[Cell, ...], seed: int, number: int) -> Trial:
    name = f"{defect or 'correct'}-{number + 1:02d}"
    return Trial(name, defect, cells, sub_seed(seed, name) % 2**31)


def _found_by(defect: Defect, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(cell for cell in cells if str(cell) in defect.cells)
