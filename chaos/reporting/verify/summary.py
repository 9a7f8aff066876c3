"""A verification as it is reported: what was drawn and run, what failed and how small it got, what was reached.

All of it is a pure function of the history. One that broke off is judged as far as it goes, and is never a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos.errors import RunDirectoryError
from chaos.history import Event
from chaos.operations.coverage import Coverage, Point
from chaos.reporting.verify.failures import FailureSummary, failures_of
from chaos.sla.results import Verdict

__all__ = ["Example", "FailureSummary", "Memory", "VerifySummary", "summarise"]

COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Example:
    """A program that was drawn: when it had run (seconds since the beginning), how large it was, how long it took."""

    number: int
    at: float
    size: int
    seconds: float
    operations: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What the harness held (bytes) after so many examples."""

    examples: int
    rss: int


@dataclass(frozen=True, slots=True)
class VerifySummary:
    """One verification. ``wall`` is when it began (seconds since the epoch); ``planned`` and ``steps`` are how many
    programs of up to how many steps were asked for; ``ended`` is ``completed``, why not, or empty if it broke off."""

    run_id: str
    target: str
    defects: tuple[str, ...]
    seed: int
    profile: str
    planned: int
    steps: int
    faults: tuple[str, ...]
    checks: tuple[str, ...]
    version: str
    wall: float
    seconds: float
    replay: str
    ended: str = ""
    examples: tuple[Example, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    failures: tuple[FailureSummary, ...] = ()
    unknown: tuple[str, ...] = ()
    """What could not be told, with the number of the example."""
    problems: tuple[str, ...] = ()
    memory: tuple[Memory, ...] = ()

    @property
    def operations(self) -> int:
        """Of all examples; those that confirm and shrink are not counted."""
        return sum(example.operations for example in self.examples)

    @property
    def rate(self) -> float | None:
        """Operations per second while examples ran; None if none did."""
        seconds = sum(example.seconds for example in self.examples)
        return self.operations / seconds if seconds > 0 else None

    @property
    def whole(self) -> bool:
        """Whether all that was planned was run."""
        return self.ended == COMPLETED and len(self.examples) >= max(self.planned, 1)

    @property
    def verdict(self) -> Verdict:
        """A failure fails, whether it came again or not; a pass is earned by every program that was planned."""
        if self.failures:
            return Verdict.FAIL
        return Verdict.PASS if self.whole and not self.unknown and not self.problems else Verdict.UNKNOWN

    @property
    def reason(self) -> str:
        """In a sentence."""
        ran = f"{len(self.examples)} of {self.planned} programs"
        if self.failures:
            return "; ".join(_failed(failure) for failure in self.failures) + f" (after {ran})"
        if not self.whole:
            why = {"": "it broke off", COMPLETED: "no more were drawn"}.get(self.ended, self.ended)
            return f"{ran} ran, and none failed: {why}"
        if self.unknown:
            told = "1 thing" if len(self.unknown) == 1 else f"{len(self.unknown)} things"
            return f"no program failed, but {told} could not be told: {self.unknown[0]}"
        if self.problems:
            return f"no program failed, but the run itself is in doubt: {self.problems[0]}"
        return f"all {len(self.examples)} programs pass, of {self.operations:,} operations"


def summarise(events: Sequence[Event]) -> VerifySummary:
    """Judge the history of one verification, as far as it goes.

    :raises RunDirectoryError: if it is not one, or cannot be understood
    """
    first = next((event for event in events if event["kind"] == "verify"), None)
    if first is None:
        raise RunDirectoryError("not the history of a verification: it does not say how it began")
    try:
        return _summary(first, events)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunDirectoryError(f"the history holds an event that cannot be understood: {error!r}") from None


def _summary(first: Event, events: Sequence[Event]) -> VerifySummary:
    begun = float(first["at"])
    end = next((event for event in reversed(events) if event["kind"] == "verified"), None)
    last = max(float(event["at"]) for event in events)
    ran = [event for event in events if event["kind"] == "example"]
    return VerifySummary(
        run_id=first["run_id"],
        target=first["target"],
        defects=tuple(first["defects"]),
        seed=int(first["seed"]),
        profile=first["profile"],
        planned=int(first["examples"]),
        steps=int(first["steps"]),
        faults=tuple(first["faults"]),
        checks=tuple(first["checks"]),
        version=first["version"],
        wall=float(first["wall"]),
        seconds=last - begun if end is None else float(end["seconds"]),
        replay=first["replay"],
        ended="" if end is None else str(end["ended"]),
        examples=tuple(_example(event, begun) for event in ran),
        coverage=_coverage(ran),
        failures=tuple(failures_of(events)),
        unknown=tuple(f"example {event['number']}: {words}" for event in ran for words in event["unknown"]),
        problems=tuple(event["text"] for event in events if event["kind"] == "problem"),
        memory=tuple(
            Memory(int(event["examples"]), int(event["rss"])) for event in events if event["kind"] == "memory"
        ),
    )


def _example(event: Event, begun: float) -> Example:
    at = float(event["at"]) - begun
    return Example(event["number"], at, event["size"], float(event["seconds"]), event["operations"])


def _coverage(ran: Sequence[Event]) -> Coverage:
    points: Counter[Point] = Counter()
    for event in ran:
        for operation, state, company, fault, outcome, times in event["points"]:
            points[operation, state, company, fault, outcome] += times
    return Coverage(points, len(ran), sum(event["operations"] for event in ran))


def _failed(failure: FailureSummary) -> str:
    size = failure.smallest.size
    words = f"{failure.check} failed"
    if size:
        words += f" in a program of {size} {'operation' if size == 1 else 'operations and faults'}"
    if not failure.ended:
        return f"{words}; it broke off before that was confirmed"
    if not failure.reproduced:
        return f"{words}, and did not come again"
    return f"{words}, {failure.rate.count} of {failure.rate.n} times"
