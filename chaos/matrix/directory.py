"""A matrix's directory: what is in it, read back, so that a run can go on there and its report be made again.

``history.jsonl`` says how each run of it began and what went wrong; ``cells/<group>/history.jsonl`` holds all that was
measured of a group of cells. What a matrix found is a function of these alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chaos.errors import RunDirectoryError
from chaos.history import Event, read_history
from chaos.matrix.groups import Group
from chaos.properties.base import CellResult
from chaos.properties.judging import judge_cell
from chaos.properties.record import CellRecord, records
from chaos.properties.table import BEYOND, TABLE, Cell
from chaos.reporting.matrix.summary import MatrixSummary, blank

__all__ = [
    "KEPT",
    "Opening",
    "ended",
    "is_matrix",
    "judged",
    "mend",
    "openings",
    "read_matrix",
    "recorded_cells",
    "summarised",
]

KEPT = ("measured", "not applicable")
"""Outcomes after which a cell is not measured again; one that broke off, for whatever reason, is."""

Opening = Mapping[str, Any]
"""A ``matrix`` event: how a run of the matrix began."""


def is_matrix(directory: Path) -> bool:
    """Whether a matrix was measured there, as the first line of the history says.

    :raises RunDirectoryError: if there is no history, or it is broken
    """
    return any(event["kind"] == "matrix" for event in read_history(directory)[:1])


def openings(events: Sequence[Event]) -> list[Opening]:
    """How each run of the matrix began, oldest first."""
    return [event for event in events if event["kind"] == "matrix"]


def recorded_cells(opened: Sequence[Opening]) -> tuple[Cell, ...]:
    """All cells that any run of the matrix was asked for, in the order of the table."""
    asked = {name for opening in opened for name in opening["cells"]}
    return tuple(cell for cell in (*TABLE, *BEYOND) if str(cell) in asked)


def judged(directory: Path) -> dict[Cell, CellResult]:
    """The results of what one group's directory holds; empty if it holds nothing. The last measurement counts.

    :raises RunDirectoryError: if its history is broken
    """
    return {Cell(record.api, record.code): judge_cell(record) for record in _records(directory)}


def ended(directory: Path, group: Group) -> bool:
    """Whether all cells of a group were measured there to their end.

    :raises RunDirectoryError: if its history is broken
    """
    last = {Cell(record.api, record.code): record for record in _records(directory)}
    return all(
        cell in last and last[cell].end is not None and last[cell].outcome in KEPT for cell in group.cells
    )


def summarised(events: Sequence[Event], results: Mapping[Cell, CellResult]) -> MatrixSummary:
    """The matrix of a history and the results of its cells.

    :raises RunDirectoryError: if the history is not that of a matrix
    """
    opened = openings(events)
    if not opened:
        raise RunDirectoryError("not the history of a matrix: it does not say how it began")
    first = opened[0]
    try:
        return MatrixSummary(
            run_id=first["run_id"],
            seed=first["seed"],
            target=first["target"],
            defects=tuple(first["defects"]),
            version=first["version"],
            wall=first["wall"],
            seconds=_seconds(events),
            replay=first["replay"],
            cells=tuple(results.get(cell, blank(cell)) for cell in recorded_cells(opened)),
            settings=first["settings"],
            problems=tuple(event["text"] for event in events if event["kind"] == "problem"),
        )
    except (KeyError, TypeError) as error:
        raise RunDirectoryError(f"the history of a matrix that begins without {error}") from None


def mend(directory: Path) -> None:
    """Cut off a line that a crash broke off in the history: what is appended must not be written behind it."""
    path = directory / "history.jsonl"
    if path.exists() and (text := path.read_bytes()) and not text.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(text.rfind(b"\n") + 1)


def read_matrix(directory: Path) -> MatrixSummary:
    """Judge all histories of a matrix's directory again.

    :raises RunDirectoryError: if one is missing or broken
    """
    results: dict[Cell, CellResult] = {}
    for path in sorted((directory / "cells").glob("*/history.jsonl")):
        results |= judged(path.parent)
    return summarised(read_history(directory), results)


def _records(directory: Path) -> list[CellRecord]:
    if not (directory / "history.jsonl").exists():
        return []
    return records(read_history(directory))


def _seconds(events: Sequence[Event]) -> float:
    """From the beginning of each run to the last that it wrote, added up: a run that was killed wrote no end."""
    total, began = 0.0, events[0]["at"]
    for event, after in zip(events, [*events[1:], None], strict=True):
        if after is None or after["kind"] == "matrix":
            total += event["at"] - began
            began = after["at"] if after is not None else began
    return total
