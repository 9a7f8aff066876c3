"""The plot of each cell: what its property says there is to see (``figure``), drawn in the way that shows it best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chaos.properties.base import CellResult
from chaos.reporting.matrix.plots import (
    concurrency,
    determinism,
    drift,
    grace,
    idempotence,
    isolation,
    linear,
    preservation,
    release,
    rollback,
)
from chaos.reporting.matrix.plots.base import Picture, Table

__all__ = ["DRAWN", "plots_of"]

Draw = Callable[[Mapping[str, Any]], Sequence[Picture]]

DRAWN: dict[str, Draw] = {
    "A": determinism.draw,
    "B": drift.draw,
    "C": isolation.draw,
    "D": linear.draw,
    "E": concurrency.draw,
    "F": preservation.draw,
    "G": release.draw,
    "H": grace.draw,
    "I": rollback.draw,
    "J": idempotence.draw,
}
"""By the property's code."""


def plots_of(cell: CellResult) -> list[Picture]:
    """The plots and tables of a cell; none for one that was not judged. What cannot be drawn is said in its place."""
    if not cell.figure:
        return []
    try:
        return list(DRAWN[cell.code](cell.figure))
    except Exception as error:
        return [Table("What was measured", f"It cannot be drawn: {error!r} (please report this).", (), ())]
