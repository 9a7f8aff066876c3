"""Graceful drain: a request that was admitted is answered, whatever leaves meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.operations.checks.base import Violation
from chaos.operations.record import Done, ProgramRecord

__all__ = ["Grace"]

ADMITTED_SECONDS = 0.03
"""A request that was sent so long before an operation that takes workers away was there before it."""


class Grace:
    """Inferences that were under way when workers were taken away, by scaling down or by unregistering."""

    name = "drain"

    def check(self, record: ProgramRecord) -> Iterator[Violation]:
        """Those that were lost."""
        for done in record.calls:
            if done.operation != "infer" or done.outcome == "ok" or done.lost or not record.calm(done):
                continue
            leaving = [other for other in record.calls if _leaves(other, done)]
            admitted = all(done.start + ADMITTED_SECONDS <= other.start for other in leaving)
            if leaving and admitted and _served(record, done):
                how = done.status or "with no answer"
                words = f"'{done}' of {done.milliseconds:g} ms ended {how}"
                words += f": it was under way when '{leaving[0]}' was asked"
                yield Violation(self.name, words, done.step, (done.number, leaving[0].number))


def _leaves(other: Done, done: Done) -> bool:
    return (
        other.operation in ("scale", "unregister", "unload")
        and other.model == done.model
        and other.overlaps(done)
    )


def _served(record: ProgramRecord, done: Done) -> bool:
    """Whether there was somebody to admit it: the last change of its model before it left workers."""
    before = [
        other
        for other in record.calls
        if other.model == done.model
        and other.operation in ("register", "load", "scale", "unregister", "unload")
        and other.last < done.start
        and other.outcome == "ok"
    ]
    overlapping = [
        other
        for other in record.calls
        if other.model == done.model
        and other.operation in ("register", "load", "scale", "unregister", "unload")
        and other.overlaps(done)
        and other.start < done.start
    ]
    last = max(before, key=lambda other: other.end, default=None)
    return (
        not overlapping
        and last is not None
        and last.operation not in ("unregister", "unload")
        and last.workers > 0
    )
