"""Release, and isolation: what a program leaves behind, and what others feel of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaos.operations.checks.base import Violation
from chaos.operations.record import ProgramRecord
from chaos.properties.standing import differences, in_short

__all__ = ["Isolation", "Release"]

STALL_SECONDS = 2.0
"""An answer to a short request that takes longer was held up."""


class Release:
    """When all models are unregistered, there is what there was before."""

    name = "release"

    def check(self, record: ProgramRecord) -> Iterator[Violation]:
        """What is left."""
        before = next((seen.state for seen in record.seen if seen.when == "before"), None)
        for seen in record.seen:
            if seen.when == "clean" and seen.rest is None and before is not None:
                wrong = in_short(differences(before, seen.state)) or "something still moved"
                yield Violation(self.name, f"after all was unregistered {wrong}")


class Isolation:
    """A model that no step is about answers all the while, and in time."""

    name = "isolation"

    def check(self, record: ProgramRecord) -> Iterator[Violation]:
        """Requests to it that failed, or were held up."""
        rows = [row for event in record.events if event["kind"] == "bystander" for row in event["rows"]]
        failed = [row for row in rows if row["outcome"] != "ok"]
        slow = [row for row in rows if row["outcome"] == "ok" and row["seconds"] > STALL_SECONDS]
        if failed:
            how = ", ".join(sorted({row["outcome"] for row in failed}))
            yield Violation(self.name, f"{_of(failed, rows)} failed: {how}")
        if slow:
            longest = max(row["seconds"] for row in slow)
            yield Violation(self.name, f"{_of(slow, rows)} were held up, up to {longest:.1f} s")


def _of(some: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    count, all_ = (sum(row["n"] for row in part) for part in (some, rows))
    return f"{count} of {all_} requests to a model that no step is about"
