"""Requests that were made from the samples: how each kind of them was taken, and what some of them ran into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.offline.results import CheckResult, InferenceTestResult

__all__ = ["GENERATED", "Made", "Shown", "made_of"]

GENERATED = "generated"
"""The check that they are judged by."""

ORDER = ("answered", "refused", "raised")
"""Of how they were taken; what ends a worker comes after these."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One of them: as what it was sent, how it begins, and what came of it."""

    kind: str
    content_type: str
    sent: str
    bytes: int
    taken: str
    error: str
    place: str
    fault: bool


@dataclass(frozen=True, slots=True)
class Made:
    """All of them: ``rows`` are of kinds, with how many were taken how (``heads``)."""

    samples: int
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    shown: tuple[Shown, ...]


def made_of(result: InferenceTestResult) -> Made | None:
    """By the evidence of the check; None if there were none, or it has none that can be understood."""
    check = next((check for check in result.checks if check.name == GENERATED and check.evidence), None)
    try:
        return None if check is None else _made(check)
    except (AttributeError, TypeError, ValueError):
        return None


def _made(check: CheckResult) -> Made:
    evidence: Mapping[str, Any] = check.evidence
    kinds: Mapping[str, Mapping[str, int]] = evidence.get("kinds", {})
    taken = {name for count in kinds.values() for name in count}
    heads = (*(name for name in ORDER if name in taken), *sorted(taken - set(ORDER)))
    return Made(
        samples=int(evidence.get("samples", 0)),
        heads=heads,
        rows=tuple((kind, tuple(int(count.get(head, 0)) for head in heads)) for kind, count in kinds.items()),
        shown=(*_shown(evidence.get("faults", ()), True), *_shown(evidence.get("raised", ()), False)),
    )


def _shown(found: Iterable[Mapping[str, Any]], fault: bool) -> Sequence[Shown]:
    return [
        Shown(
            kind=str(each.get("kind", "")),
            content_type=str(each.get("content_type", "")),
            sent=str(each.get("sent", "")),
            bytes=int(each.get("bytes", 0)),
            taken=str(each.get("taken", "")),
            error=str(each.get("error", "")),
            place=str(each.get("place", "")),
            fault=fault,
        )
        for each in found
    ]
