"""``summary.json``: a run's verdict with its evidence, as a document with a published JSON Schema.

Instants are seconds since the run began; what was not measured is null, and no number is NaN or infinite.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from chaos.analysis import FaultInterval, Summary
from chaos.checks.results import CheckResult
from chaos.properties.documents import CellEntry, cell_entry
from chaos.sla.results import Noise, ObjectiveResult, Verdict, Window

__all__ = ["SummaryDocument", "summary_document"]

DIGITS = 6
"""Decimals of an instant: microseconds."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PhaseEntry(_Part):
    """A phase as it was."""

    phase: str
    start: FiniteFloat
    end: FiniteFloat
    seconds: FiniteFloat


class ObjectiveEntry(_Part):
    """One objective in one phase; estimate, interval and limit share the unit."""

    probe: str
    objective: str
    phase: str
    verdict: Verdict
    estimate: FiniteFloat | None
    low: FiniteFloat | None = Field(description="lower bound of the 95 % confidence interval")
    high: FiniteFloat | None = Field(description="upper bound of the 95 % confidence interval")
    n: int = Field(ge=0, description="number of requests")
    limit: FiniteFloat
    upper: bool = Field(description="whether the limit is an upper one")
    unit: Literal["share", "s", "1/s", "ratio"]
    reason: str


class CheckEntry(_Part):
    """One check over the whole run; estimate and limit share the unit."""

    name: str
    verdict: Verdict
    reason: str
    estimate: FiniteFloat | None
    limit: FiniteFloat | None
    unit: Literal["s", ""] = Field(description="seconds, or a plain count")
    n: int = Field(ge=0, description="how many things were looked at, as the reason says")


class FaultEntry(_Part):
    """A fault with its true interval, from in force to reverted."""

    id: str
    fault: str
    model: str
    arguments: dict[str, Any]
    injected: FiniteFloat | None
    reverted: FiniteFloat | None
    seconds: FiniteFloat | None
    reason: str
    touches: tuple[str, ...] = Field(description="what it said it would touch")
    did: str = Field(description="what was done to revert it")
    left: str = Field(
        description="what to do by hand, if it could not be reverted and may be in force; else empty"
    )


class NoiseEntry(_Part):
    """The null probe in one phase, in seconds."""

    phase: str
    n: int = Field(ge=0)
    p50: FiniteFloat | None
    p99: FiniteFloat | None
    late_p99: FiniteFloat | None = Field(description="actual minus intended start, of all requests")


class GuardEntry(_Part):
    """An abort guard that tripped."""

    probe: str
    guard: int = Field(ge=0, description="its index in the probe file")
    at: FiniteFloat
    burn: FiniteFloat


class SummaryDocument(_Part):
    """What one run found."""

    verdict: Verdict
    reason: str
    seed: int
    target: str
    defects: tuple[str, ...]
    run_id: str
    title: str
    replay: str = Field(description="the command that runs it again with the same seed")
    version: str
    started: str = Field(json_schema_extra={"format": "date-time"})
    seconds: FiniteFloat
    phases: tuple[PhaseEntry, ...]
    objectives: tuple[ObjectiveEntry, ...]
    checks: tuple[CheckEntry, ...]
    cells: tuple[CellEntry, ...] = Field(description="the properties that were measured")
    faults: tuple[FaultEntry, ...]
    noise: tuple[NoiseEntry, ...]
    guards: tuple[GuardEntry, ...]
    problems: tuple[str, ...] = Field(description="what casts doubt on the verdict")


def summary_document(summary: Summary) -> dict[str, Any]:
    """The summary as JSON values, valid against ``schemas/summary.schema.json``."""
    document = SummaryDocument(
        verdict=summary.verdict,
        reason=summary.reason,
        seed=summary.seed,
        target=summary.target,
        defects=summary.defects,
        run_id=summary.run_id,
        title=summary.title,
        replay=summary.replay,
        version=summary.version,
        started=datetime.fromtimestamp(summary.wall, UTC).isoformat(timespec="milliseconds"),
        seconds=round(summary.seconds, DIGITS),
        phases=tuple(_phase(window, summary.start) for window in summary.windows),
        objectives=tuple(_objective(result) for result in summary.objectives),
        checks=tuple(_check(result) for result in summary.checks),
        cells=tuple(cell_entry(result) for result in summary.cells),
        faults=tuple(_fault(fault, summary.start) for fault in summary.faults),
        noise=tuple(_noise(noise) for noise in summary.noise),
        guards=tuple(_guard(guard, summary.start) for guard in summary.guards),
        problems=summary.problems,
    )
    return document.model_dump(mode="json")


def _phase(window: Window, start: float) -> PhaseEntry:
    return PhaseEntry(
        phase=window.phase,
        start=round(window.start - start, DIGITS),
        end=round(window.end - start, DIGITS),
        seconds=round(window.seconds, DIGITS),
    )


def _objective(result: ObjectiveResult) -> ObjectiveEntry:
    return ObjectiveEntry.model_validate(
        {name: getattr(result, name) for name in ObjectiveEntry.model_fields}
    )


def _check(result: CheckResult) -> CheckEntry:
    return CheckEntry.model_validate({name: getattr(result, name) for name in CheckEntry.model_fields})


def _fault(fault: FaultInterval, start: float) -> FaultEntry:
    return FaultEntry(
        id=fault.id,
        fault=fault.fault,
        model=fault.model,
        arguments=fault.arguments,
        injected=_since(fault.injected, start),
        reverted=_since(fault.reverted, start),
        seconds=_since(fault.seconds, 0.0),
        reason=fault.reason,
        touches=fault.touches,
        did=fault.did,
        left=fault.left,
    )


def _noise(noise: Noise) -> NoiseEntry:
    return NoiseEntry.model_validate({name: getattr(noise, name) for name in NoiseEntry.model_fields})


def _guard(guard: dict[str, Any], start: float) -> GuardEntry:
    at = round(guard["at"] - start, DIGITS)
    return GuardEntry(probe=guard["probe"], guard=guard["guard"], at=at, burn=guard["burn"])


def _since(instant: float | None, start: float) -> float | None:
    return None if instant is None else round(instant - start, DIGITS)
