"""What judging yields: verdicts of three values, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Noise", "ObjectiveResult", "Verdict", "Window", "worst"]


class Verdict(StrEnum):
    """``unknown`` is never green: it means that the run cannot tell."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict for many: any fail fails; else any unknown is unknown; nothing judged is unknown.

    The order is that of Jepsen's ``checker/merge-valid``.
    """
    seen = set(verdicts)
    if Verdict.FAIL in seen:
        return Verdict.FAIL
    return Verdict.PASS if seen == {Verdict.PASS} else Verdict.UNKNOWN


@dataclass(frozen=True, slots=True)
class Window:
    """A phase as it was: a half-open interval of the monotonic clock, in seconds."""

    phase: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class ObjectiveResult:
    """One objective in one phase.

    ``estimate``, ``low``, ``high`` and ``limit`` share one unit: a share, seconds, requests per second,
    or a ratio to the baseline. ``low`` and ``high`` bound the 95 % confidence interval. They are None
    where nothing was measured.
    """

    probe: str
    objective: str
    phase: str
    verdict: Verdict
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    limit: float
    upper: bool
    unit: str
    reason: str


@dataclass(frozen=True, slots=True)
class Noise:
    """The null probe in one phase: latency quantiles in seconds, and how late requests were started."""

    phase: str
    n: int
    p50: float | None
    p99: float | None
    late_p99: float | None
