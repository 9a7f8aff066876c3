"""A matrix as it is reported: what was measured on what, and the result of each of its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chaos.properties.base import CellResult
from chaos.properties.documents import NOT_APPLICABLE, verdict_said
from chaos.properties.table import Cell
from chaos.sla.results import Verdict, worst

__all__ = ["NOT_APPLICABLE", "NOT_MEASURED", "MatrixSummary", "blank", "verdict_said"]

NOT_MEASURED = "it was not measured"


@dataclass(frozen=True, slots=True)
class MatrixSummary:
    """One matrix. ``wall`` is when it began (seconds since the epoch); ``seconds`` is what it took, without the time
    between a run that was ended and the one that went on; ``settings`` are those that were given, by code."""

    run_id: str
    seed: int
    target: str
    defects: tuple[str, ...]
    version: str
    wall: float
    seconds: float
    replay: str
    cells: tuple[CellResult, ...]
    settings: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of the cells that are applicable; ``unknown`` if none is."""
        return worst(cell.verdict for cell in self.cells if cell.applicable)

    @property
    def reason(self) -> str:
        """How many of the cells are how, and which are not green, in a sentence."""
        by: dict[str, list[str]] = {}
        for cell in self.cells:
            by.setdefault(verdict_said(cell), []).append(f"{cell.api}:{cell.code}")
        said = [f"{len(by.get('pass', []))} of {len(self.cells)} cells pass"]
        for verdict, words in (("fail", "fail"), ("unknown", "cannot be told")):
            if verdict in by:
                said.append(f"{len(by[verdict])} {words} ({_named(by[verdict])})")
        if NOT_APPLICABLE in by:
            said.append(f"{len(by[NOT_APPLICABLE])} do not apply to this target")
        return "; ".join(said)


def blank(cell: Cell) -> CellResult:
    """What stands for a cell until it is measured."""
    return CellResult(cell.api, cell.code, Verdict.UNKNOWN, NOT_MEASURED)


def _named(cells: Sequence[str]) -> str:
    most = 8
    more = f" and {len(cells) - most} more" if len(cells) > most else ""
    return ", ".join(cells[:most]) + more
