"""Whether those who only read wait for slow operations: a registration, an unregistration that drains, an inference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chaos.properties.base import Measure, at_most
from chaos.properties.record import CellRecord
from chaos.sla.results import Verdict

__all__ = ["Wait", "behind", "waits"]

BLOCKED = 0.5
"""A reader that waits for half of a slow operation is waiting for it."""

SLOW_SECONDS = 0.2
SIGNS = 6


@dataclass(frozen=True, slots=True)
class Wait:
    """A slow operation, and the longest wait of a reader that came while it was at work, both in seconds."""

    operation: str
    seconds: float
    longest: float


def waits(record: CellRecord) -> list[Wait]:
    """The slow operations of a cell that readers came during, with how long those waited."""
    spans = [(event["operation"], event["start"], event["end"]) for event in record.calls()]
    for load in record.loads():
        if load.startswith("slow "):
            requests = record.requests(load)
            spans += [
                ("inference", start, end)
                for start, end in zip(requests.intended.tolist(), requests.ended.tolist(), strict=True)
            ]
    readers = record.requests("readers")
    found: list[Wait] = []
    for operation, start, end in spans:
        came = readers.between(start, end)
        if end - start >= SLOW_SECONDS and came.n:
            found.append(Wait(operation, end - start, float(came.latency.max())))
    return found


def behind(record: CellRecord) -> Iterator[Measure]:
    """Whether readers wait for slow operations: for each kind, the longest wait as a share of it.

    The extremes of six independent shares hold their median with 97 % confidence (sign test); fewer are no evidence.
    """
    if "readers" not in record.loads():
        return  # a target that takes no models has no slow operations
    found = waits(record)
    counts = Counter(wait.operation for wait in found)
    operations = [operation for operation, count in counts.items() if count >= SIGNS]
    if not operations:
        reason = f"not {SIGNS} operations of a kind took {SLOW_SECONDS} s or more, to be waited for"
        yield Measure("wait behind operations", Verdict.UNKNOWN, reason)
    for operation in operations:
        those = [wait for wait in found if wait.operation == operation]
        shares = [wait.longest / wait.seconds for wait in those]
        longest = max(those, key=lambda wait: wait.longest / wait.seconds)
        yield at_most(
            f"wait behind {operation}",
            BLOCKED,
            float(np.median(shares)),
            min(shares),
            max(shares),
            unit="of it",
            n=len(shares),
            timed=True,
            says=f"at most {longest.longest:.3g} s of one that took {longest.seconds:.3g} s",
        )
