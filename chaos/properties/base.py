"""What judging a cell yields: measures, each a number with its interval and verdict, and the cell's result of them.

A cell is the intersection of a property and an API. Its procedure (:mod:`chaos.cells`) writes events, its property
judges them (:mod:`chaos.properties.judging`): a pure function, so that an old run can be judged again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypedDict, Unpack

from chaos.properties.record import CellRecord
from chaos.properties.table import APIS, CODES
from chaos.sla.results import Verdict

__all__ = ["CannotTell", "CellResult", "Measure", "Property", "at_least", "at_most"]


class CannotTell(Exception):  # noqa: N818
    """A record does not hold what a verdict needs; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a cell, held against a limit.

    ``name`` is what is measured, in a few words. ``estimate``, ``low``, ``high`` and ``limit`` share ``unit``; ``low``
    and ``high`` bound the 95 % confidence interval, and are None where the number is a census. ``timed`` measures are
    durations or rates, which a busy machine spoils; the others are counts of things that are right or wrong.
    """

    name: str
    verdict: Verdict
    reason: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    unit: str = ""
    n: int = 0
    timed: bool = False


@dataclass(frozen=True, slots=True)
class CellResult:
    """The verdict on a cell. The first measure of that verdict speaks for it; ``figure`` is what its plot shows.

    ``applicable`` is False if the target lacks what the cell needs, which the reason says; the verdict is ``unknown``.
    """

    api: str
    code: str
    verdict: Verdict
    reason: str
    measures: tuple[Measure, ...] = ()
    figure: dict[str, Any] | None = None
    seconds: float = 0.0
    applicable: bool = True

    @property
    def name(self) -> str:
        """Such as ``determinism of inference``."""
        return f"{CODES[self.code]} of {APIS[self.api]}"

    @property
    def spokesman(self) -> Measure | None:
        """The measure whose numbers the cell is shown with."""
        return next((each for each in self.measures if each.verdict is self.verdict), None)


class Property(Protocol):
    """A property of the ten: one module, registered in :mod:`chaos.properties.judging`."""

    code: str

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """The measures of a cell, the most telling one first.

        :raises CannotTell: if the record does not hold what it takes
        """

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """What the cell's plot shows: plain JSON, series of numbers by name; as far as the record goes."""


class About(TypedDict, total=False):
    """What else a measure says: see :class:`Measure`. ``says`` is appended to its reason."""

    unit: str
    n: int
    timed: bool
    says: str


def at_most(
    name: str,
    limit: float,
    estimate: float,
    low: float | None = None,
    high: float | None = None,
    **about: Unpack[About],
) -> Measure:
    """A measure that passes if its whole interval is at or below a limit, and fails if all of it is above."""
    bottom, top = estimate if low is None else low, estimate if high is None else high
    verdict = Verdict.PASS if top <= limit else Verdict.FAIL if bottom > limit else Verdict.UNKNOWN
    return _held(Measure(name, verdict, "at most", estimate, low, high, limit), **about)


def at_least(
    name: str,
    limit: float,
    estimate: float,
    low: float | None = None,
    high: float | None = None,
    **about: Unpack[About],
) -> Measure:
    """A measure that passes if its whole interval is at or above a limit, and fails if all of it is below."""
    bottom, top = estimate if low is None else low, estimate if high is None else high
    verdict = Verdict.PASS if bottom >= limit else Verdict.FAIL if top < limit else Verdict.UNKNOWN
    return _held(Measure(name, verdict, "at least", estimate, low, high, limit), **about)


def _held(measure: Measure, *, unit: str = "", n: int = 0, timed: bool = False, says: str = "") -> Measure:
    """The measure with its reason in words; so far that is only the side of the limit."""
    gap = f" {unit}" if unit else ""
    low, high = measure.low, measure.high
    span = f" (95 % interval {low:.4g} to {high:.4g})" if low is not None and high is not None else ""
    open_ = measure.verdict is Verdict.UNKNOWN
    what = "; the interval holds the limit, so more samples are needed" if open_ else ""
    told = f"{measure.name} {measure.estimate:.4g}{gap}{span}, limit {measure.reason} {measure.limit:.4g}{gap}{what}"
    return replace(measure, reason=f"{told}: {says}" if says else told, unit=unit, n=n, timed=timed)
