"""Results of cells as JSON values, the same in ``matrix.json`` and ``summary.json``: pydantic models for the schemas.

What was not measured is null, and no number is NaN or infinite.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from chaos.properties.base import CellResult, Measure
from chaos.sla.results import Verdict

__all__ = ["NOT_APPLICABLE", "CellEntry", "cell_entry", "verdict_said"]

NOT_APPLICABLE = "not_applicable"
"""Stands where a verdict does, for a cell that asks for what the target lacks."""

DIGITS = 3
"""Decimals of a duration: milliseconds."""


class _Numbers(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    estimate: FiniteFloat | None
    low: FiniteFloat | None = Field(description="lower bound of the 95 % confidence interval")
    high: FiniteFloat | None = Field(description="upper bound of the 95 % confidence interval")
    limit: FiniteFloat | None
    unit: str = Field(description="of estimate, low, high and limit")
    n: int = Field(ge=0, description="how many things were measured, as the reason says")
    reason: str


class MeasureEntry(_Numbers):
    """One number of a cell, held against a limit."""

    name: str
    verdict: Verdict
    timed: bool = Field(description="a duration or rate, which a busy machine spoils")


class CellEntry(_Numbers):
    """One cell; its numbers are those of the measure that speaks for it, the first of the cell's verdict."""

    api: str
    code: str
    verdict: Literal["pass", "fail", "unknown", "not_applicable"]
    seconds: FiniteFloat = Field(ge=0, description="how long it was measured")
    measures: tuple[MeasureEntry, ...]


def verdict_said(cell: CellResult) -> str:
    """``pass``, ``fail``, ``unknown`` or ``not_applicable``."""
    return cell.verdict.value if cell.applicable else NOT_APPLICABLE


def cell_entry(cell: CellResult) -> CellEntry:
    """A cell's result as a part of a document."""
    return CellEntry.model_validate(
        {
            **_numbers(cell.spokesman),
            "api": cell.api,
            "code": cell.code,
            "verdict": verdict_said(cell),
            "reason": cell.reason,
            "seconds": round(cell.seconds, DIGITS),
            "measures": [
                {
                    **_numbers(each),
                    "name": each.name,
                    "verdict": each.verdict,
                    "reason": each.reason,
                    "timed": each.timed,
                }
                for each in cell.measures
            ],
        }
    )


def _numbers(measure: Measure | None) -> dict[str, Any]:
    """A measure's numbers; none where there is no measure, and null what is not finite."""
    if measure is None:
        return {"estimate": None, "low": None, "high": None, "limit": None, "unit": "", "n": 0}
    found: dict[str, Any] = {"unit": measure.unit, "n": int(measure.n)}
    for name in ("estimate", "low", "high", "limit"):
        value = getattr(measure, name)
        found[name] = float(value) if value is not None and math.isfinite(value) else None
    return found
