"""``matrix.json``: each cell's verdict with its evidence, as a document with a published JSON Schema.

What was not measured is null, and no number is NaN or infinite.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from chaos.properties.documents import CellEntry, cell_entry
from chaos.reporting.matrix.summary import MatrixSummary
from chaos.sla.results import Verdict

__all__ = ["MatrixDocument", "matrix_document"]

DIGITS = 3
"""Decimals of a duration: milliseconds."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MatrixDocument(_Part):
    """What one matrix found. Cells that were not measured yet stand there as ``unknown``."""

    run: str
    seed: int
    target: str
    defects: tuple[str, ...]
    version: str
    started: str = Field(json_schema_extra={"format": "date-time"})
    seconds: FiniteFloat = Field(ge=0, description="what it took, without pauses between runs")
    verdict: Verdict = Field(description="the worst of the cells that are applicable")
    reason: str
    replay: str = Field(description="the command that measures it again with the same seed")
    settings: dict[str, dict[str, FiniteFloat]] = Field(description="what was set, by the property's code")
    cells: tuple[CellEntry, ...]
    problems: tuple[str, ...] = Field(description="what a reader should know of the run itself")


def matrix_document(summary: MatrixSummary) -> dict[str, Any]:
    """The matrix as JSON values, valid against ``schemas/matrix.schema.json``."""
    document = MatrixDocument(
        run=summary.run_id,
        seed=summary.seed,
        target=summary.target,
        defects=summary.defects,
        version=summary.version,
        started=datetime.fromtimestamp(summary.wall, UTC).isoformat(timespec="milliseconds"),
        seconds=round(summary.seconds, DIGITS),
        verdict=summary.verdict,
        reason=summary.reason,
        replay=summary.replay,
        settings={code: dict(given) for code, given in summary.settings.items()},
        cells=tuple(cell_entry(cell) for cell in summary.cells),
        problems=summary.problems,
    )
    return document.model_dump(mode="json")
