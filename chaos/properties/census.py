"""Measures that count what was tried: what was wrong, what was late to rest, and how long the slowest answer took.

They are censuses, so their numbers have no interval. Being late may be the machine's fault, being wrong never is.
"""

from __future__ import annotations

from collections.abc import Sequence

from chaos.history import Event
from chaos.properties.base import Measure
from chaos.properties.standing import in_short
from chaos.sla.results import Verdict

__all__ = ["at_rest_in_time", "census", "slowest_answer"]


def census(name: str, n: int, wrong: Sequence[str], unread: Sequence[str] = ()) -> Measure:
    """Of ``n`` none may be wrong; those that are, in words. What could not be read makes it unknown."""
    verdict = Verdict.FAIL if wrong else Verdict.UNKNOWN if unread else Verdict.PASS
    reason = in_short(wrong or unread) or f"{name}: none of {n}"
    return Measure(name, verdict, reason, len(wrong), limit=0, n=n)


def at_rest_in_time(n: int, late: Sequence[str], seconds: float) -> Measure:
    """Of ``n`` none may come to rest later than so many seconds; those that did, by name."""
    name = "late to rest"
    said = f"not at rest for long enough within {seconds:g} s: {in_short(late)}" if late else f"none of {n}"
    verdict = Verdict.FAIL if late else Verdict.PASS
    return Measure(name, verdict, f"{name}: {said}", len(late), limit=0, n=n, timed=True)


def slowest_answer(answers: Sequence[Event], seconds: float, *, stuck: bool = False) -> Measure:
    """None may take longer than so many seconds, or never come.

    :param stuck: one never came though what it is about has long come to rest: that is no matter of time
    """
    name = "slowest answer"
    slowest = max((float(answer["seconds"]) for answer in answers), default=0.0)
    missing = sum(not answer["status"] for answer in answers)
    said = f"{missing} of {len(answers)} never came" if missing else f"came after {slowest:.3g} s"
    verdict = Verdict.FAIL if missing or slowest > seconds else Verdict.PASS
    return Measure(
        name,
        verdict,
        f"{name}: {said}, limit {seconds:g} s",
        slowest,
        limit=seconds,
        unit="s",
        n=len(answers),
        timed=not stuck,
    )
