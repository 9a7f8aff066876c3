"""What a check yields: a verdict of three values with the numbers it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.sla.results import Verdict

__all__ = ["CannotTellError", "CheckResult"]


class CannotTellError(Exception):
    """The history lacks what a check needs. It becomes ``unknown``, with this reason, and never a pass."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check over the whole run.

    ``estimate`` and ``limit`` share the ``unit``: ``s`` or a plain count (empty); None where there is none. ``n`` is
    how many things were looked at: rounds, faults, deaths, requests or processes, as the reason says.
    """

    name: str
    verdict: Verdict
    reason: str
    estimate: float | None = None
    limit: float | None = None
    unit: str = ""
    n: int = 0
