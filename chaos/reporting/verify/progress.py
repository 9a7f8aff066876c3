"""How far a verification is, folded from its events: what it does now, what it has reached, what was found."""

from __future__ import annotations

from dataclasses import dataclass, field

from chaos.history import Event
from chaos.operations.coverage import Point

__all__ = ["Progress"]


@dataclass(slots=True)
class Progress:
    """Instants are of the monotonic clock, in seconds. ``doing`` is what it does now, in words; empty when it has ended
    or not begun. ``failures`` are events of that kind."""

    target: str = ""
    seed: int = 0
    defects: tuple[str, ...] = ()
    planned: int = 0
    done: int = 0
    operations: int = 0
    points: set[Point] = field(default_factory=set)
    unknown: int = 0
    doing: str = ""
    start: float = 0.0
    now: float = 0.0
    ended: str = ""
    failures: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _busy: float = 0.0

    def feed(self, event: Event) -> None:
        """Take in an event. What a failed program's are told when it is known to have failed, so they may be older."""
        self.now = max(self.now, event["at"])
        match event["kind"]:
            case "verify":
                self.target, self.seed, self.planned = event["target"], event["seed"], event["examples"]
                self.defects, self.start = tuple(event["defects"]), event["at"]
                self.doing = "searching"
            case "example":
                self.done += 1
                self.operations += event["operations"]
                self._busy += event["seconds"]
                self.unknown += len(event["unknown"])
                for operation, state, company, fault, outcome, _ in event["points"]:
                    self.points.add((operation, state, company, fault, outcome))
            case "confirming":
                self.doing = f"{event['check']} failed: running that program again"
            case "shrinking":
                self.doing = f"making it smaller: {event['runs']} runs, the last of size {event['size']}"
            case "failure":
                self.failures.append(event)
                self.doing = "searching"
            case "problem":
                self.problems.append(event["text"])
            case "verified":
                self.doing, self.ended = "", event["ended"]

    @property
    def rate(self) -> float | None:
        """Operations per second while programs ran; None if none did."""
        return self.operations / self._busy if self._busy > 0 else None

    def left(self, now: float) -> float | None:
        """Seconds that the rest of the search takes at the pace so far; None if there is no telling."""
        if not self.done or self.doing != "searching" or self.failures:
            return None
        return max(0.0, (self.now - self.start) / self.done * (self.planned - self.done) - (now - self.now))
