"""Judges measured cells: each property's own measures, and whether the machine was quiet enough to believe them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chaos.history import Event
from chaos.properties.base import CannotTell, CellResult, Measure, Property
from chaos.properties.concurrency import Concurrency
from chaos.properties.determinism import DETERMINISM
from chaos.properties.drift import DRIFT
from chaos.properties.environment import spoilt
from chaos.properties.grace import GRACE
from chaos.properties.idempotence import Idempotence
from chaos.properties.isolation import Isolation
from chaos.properties.linear import LINEAR
from chaos.properties.preservation import PRESERVATION
from chaos.properties.record import CellRecord, records
from chaos.properties.release import RELEASE
from chaos.properties.rollback import Rollback
from chaos.sla.results import Verdict, worst

__all__ = ["PROPERTIES", "Gate", "judge_cell", "judge_cells"]

Gate = Callable[[CellRecord], str]

PROPERTIES: dict[str, Property] = {
    "E": Concurrency(),
    "A": DETERMINISM,
    "B": DRIFT,
    "C": Isolation(),
    "F": PRESERVATION,
    "D": LINEAR,
    "G": RELEASE,
    "H": GRACE,
    "I": Rollback(),
    "J": Idempotence(),
}
"""By code."""


def judge_cells(events: Sequence[Event], gate: Gate = spoilt) -> tuple[CellResult, ...]:
    """A result for each cell that a history holds; ``gate`` says why the environment spoilt one, if it did."""
    return tuple(judge_cell(record, gate) for record in records(events))


def judge_cell(record: CellRecord, gate: Gate = spoilt) -> CellResult:
    """The verdict on one cell; whatever cannot be told, or crashes the judge, is ``unknown``."""
    seconds = 0.0 if record.end is None else record.end - record.begin
    blank = CellResult(record.api, record.code, Verdict.UNKNOWN, record.reason, seconds=seconds)
    if record.outcome == "not applicable":
        return replace(blank, applicable=False)
    if record.outcome != "measured":
        return blank
    judge = PROPERTIES[record.code]
    try:
        why = gate(record)
        measures = tuple(_believed(measure, why) for measure in judge.judge(record))
        verdict = worst(measure.verdict for measure in measures)
        said = [measure.reason for measure in measures if measure.verdict is verdict]
        reason = said[0] if said else "nothing was measured"
        if len(said) > 1 and verdict is not Verdict.PASS:
            reason += f" (and {len(said) - 1} more)"
        return replace(blank, verdict=verdict, reason=reason, measures=measures, figure=judge.figure(record))
    except CannotTell as error:
        return replace(blank, reason=str(error))
    except Exception as error:
        return replace(blank, reason=f"it was not judged: {error!r} (please report this)")


def _believed(measure: Measure, why: str) -> Measure:
    """A duration or rate that was taken on a busy machine says nothing, for good or bad."""
    if not (why and measure.timed):
        return measure
    reason = f"the environment spoilt it: {why} ({measure.reason})"
    return replace(measure, verdict=Verdict.UNKNOWN, reason=reason)
