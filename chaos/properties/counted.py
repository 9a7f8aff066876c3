"""Measures of what was tried and looked at, each and every one: none may be wrong, and there is no interval."""

from __future__ import annotations

from collections.abc import Sequence

from chaos.history import Event
from chaos.properties.base import Measure
from chaos.sla.results import Verdict

__all__ = ["at_rest_in_time", "none_wrong", "slowest_answer"]


def none_wrong(name: str, n: int, wrong: Sequence[str], unread: Sequence[str] = ()) -> Measure:
    """One of ``n`` that is wrong fails; else one that could not be read is unknown. Both in words."""
    if wrong:
        said, verdict = f"{wrong[0]}{_more(wrong)}", Verdict.FAIL
    elif unread:
        said, verdict = f"{name}: could not be read: {unread[0]}{_more(unread)}", Verdict.UNKNOWN
    else:
        said, verdict = f"{name}: none of {n}", Verdict.PASS
    return Measure(name, verdict, said, len(wrong), limit=0, n=n)


def at_rest_in_time(n: int, late: Sequence[str], seconds: float) -> Measure:
    """Those that were right when they were looked at last, but not for long enough by then."""
    name = "late to rest"
    if not late:
        return Measure(name, Verdict.PASS, f"{name}: none of {n}", 0, limit=0, n=n)
    said = f"{name}: {late[0]} had not come to rest after {seconds:g} s{_more(late)}"
    return Measure(name, Verdict.FAIL, said, len(late), limit=0, n=n, timed=True)


def slowest_answer(answers: Sequence[Event], limit: float, *, stuck: bool = False) -> Measure:
    """Whether all were answered within ``limit`` seconds, which is the promise; to be refused is to be answered.

    A busy machine can make an answer late, but none of them early, so it can only spoil a failure; and not that of an
    answer which never came though all that it is about was long at rest: it is ``stuck``.
    """
    name = "slowest answer"
    slowest = max((answer["seconds"] for answer in answers), default=0.0)
    said, verdict = f"{slowest:.2f} s of the {limit:g} s that it may take", Verdict.PASS
    if none := [answer["words"] for answer in answers if not answer["status"]]:
        said, verdict = f"{len(none)} of {len(answers)} had none: {none[0]}", Verdict.FAIL
    late = bool(none) and not stuck
    told = f"{name}: {said}"
    return Measure(name, verdict, told, slowest, limit=limit, unit="s", n=len(answers), timed=late)


def _more(said: Sequence[str]) -> str:
    return f" (and {len(said) - 1} more)" if len(said) > 1 else ""
