"""What is known of a run while it goes on, folded from its events: phase, rates, live objectives, faults.

Memory does not grow with the run: recent seconds are kept as histograms, phases as one histogram each. What
it says of objectives is where they stand now; only the analysis of the history judges.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chaos.history import Event
from chaos.sla.documents import Objective, ProbeDocument
from chaos.traffic.histogram import BUCKETS, SLOT_SECONDS, buckets_of, quantile_of
from chaos.traffic.spec import Outcome

__all__ = ["ProbeProgress", "Progress", "Standing"]

RECENT_SECONDS = 5.0
SPARK_SECONDS = 60
MIN_TAIL = 1.0
"""Requests that must be expected beyond a quantile before it says anything."""


def _counts() -> NDArray[np.int64]:
    return np.zeros(BUCKETS, dtype=np.int64)


def _ways() -> NDArray[np.int64]:
    return np.zeros(len(Outcome), dtype=np.int64)


@dataclass(slots=True)
class Tally:
    """Requests of one stretch of time: by latency bucket (a failed one took its timeout) and by outcome."""

    since: float
    latency: NDArray[np.int64] = field(default_factory=_counts)
    outcome: NDArray[np.int64] = field(default_factory=_ways)

    @property
    def n(self) -> int:
        """How many."""
        return int(self.outcome.sum())

    @property
    def errors(self) -> int:
        """How many failed."""
        return self.n - int(self.outcome[Outcome.OK])


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an objective stands in the running phase; ``holds`` is None while there is too little to say."""

    objective: Objective
    value: float | None
    holds: bool | None

    @property
    def unit(self) -> str:
        """As in an :class:`~chaos.sla.results.ObjectiveResult`."""
        if self.objective.relative:
            return "ratio"
        return {"latency": "s", "throughput": "1/s"}.get(self.objective.sli, "share")


@dataclass(slots=True)
class ProbeProgress:
    """One probe; ``seconds`` holds a tally for each of the last seconds, ``phases`` one for each phase."""

    document: ProbeDocument
    seconds: deque[Tally] = field(default_factory=lambda: deque(maxlen=SPARK_SECONDS))
    phases: dict[str, Tally] = field(default_factory=dict)
    errors: dict[Outcome, int] = field(default_factory=dict)

    def feed(self, cells: Sequence[Sequence[int]], at: float, starts: Sequence[tuple[float, str]]) -> None:
        """Take in the cells of a frame of that instant; each counts for the phase in which it was due."""
        if not self.seconds or at - self.seconds[-1].since >= 1.0:
            self.seconds.append(Tally(at))
        slowest = int(buckets_of(np.array([self.document.timeout]))[0])
        for slot, outcome, bucket, count in cells:
            due = (slot + 0.5) * SLOT_SECONDS
            phase = next((name for since, name in reversed(starts) if since <= due), "")
            for tally in (self.seconds[-1], self.phases.setdefault(phase, Tally(at))):
                tally.latency[bucket if outcome == Outcome.OK else max(bucket, slowest)] += count
                tally.outcome[outcome] += count
            if outcome != Outcome.OK:
                self.errors[Outcome(outcome)] = self.errors.get(Outcome(outcome), 0) + count

    def recent(self, now: float) -> tuple[float, float | None, int]:
        """Requests per second, p99 in seconds (None if there were none) and errors of the last few seconds."""
        kept = [tally for tally in self.seconds if tally.since > now - RECENT_SECONDS]
        n = sum(tally.n for tally in kept)
        if not kept or n == 0:
            return 0.0, None, 0
        p99 = quantile_of(np.sum([tally.latency for tally in kept], axis=0), 0.99)
        return n / max(now - kept[0].since, 0.5), p99, sum(tally.errors for tally in kept)

    def spark(self) -> list[float | None]:
        """p99 of each of the last seconds, oldest first."""
        return [quantile_of(tally.latency, 0.99) if tally.n else None for tally in self.seconds]

    def standings(self, phase: str, now: float, since: float) -> list[Standing]:
        """All objectives that are judged in this phase, as they stand."""
        tally, baseline = self.phases.get(phase), self.phases.get("baseline")
        found = []
        for objective in self.document.objectives:
            if phase in objective.phases and not (objective.relative and phase == "baseline"):
                value = None if tally is None else _value(objective, tally, now - since)
                if objective.relative and value is not None:
                    reference = (
                        None
                        if baseline is None
                        else _value(objective, baseline, max(since - baseline.since, 0.1))
                    )
                    value = value / reference if reference else None
                holds = None
                if value is not None:
                    holds = value <= objective.limit if objective.upper else value >= objective.limit
                found.append(Standing(objective, value, holds))
        return found


class Progress:
    """A run so far. ``planned`` are the planned seconds of phases."""

    def __init__(self, probes: Sequence[ProbeDocument], planned: Mapping[str, float]) -> None:
        self.probes = {probe.name: ProbeProgress(probe) for probe in probes}
        self.planned = dict(planned)
        self.phase = ""
        self.since = self.now = self.started = 0.0
        self.starts: list[tuple[float, str]] = []
        self.faults: dict[str, Event] = {}
        self.resource: Event | None = None
        self.alerts = 0

    def feed(self, event: Event) -> None:
        """Take in one event of the history."""
        at = float(event["at"])
        self.now = max(self.now, at)
        self.started = self.started or at
        match event["kind"]:
            case "phase":
                self.phase, self.since = str(event["phase"]), at
                self.starts.append((at, self.phase))
            case "frame" if not str(event["worker"]).startswith("fault:"):
                for name, entry in event["streams"].items():
                    if name in self.probes:
                        self.probes[name].feed(entry["cells"], at, self.starts)
            case "fault":
                seconds = event.get("seconds")
                if event["event"] == "intent" and isinstance(seconds, int | float):
                    self.planned["fault"] = float(seconds)
                self.faults[str(event["id"])] = event
            case "resource":
                self.resource = event
            case "guard" | "problem":
                self.alerts += 1

    @property
    def elapsed(self) -> float:
        """Seconds since the first event."""
        return self.now - self.started


def _value(objective: Objective, tally: Tally, seconds: float) -> float | None:
    """The indicator over a tally; None where there is too little to say."""
    good, n = int(tally.outcome[Outcome.OK]), tally.n
    match objective.sli:
        case "latency":
            assert objective.quantile is not None  # noqa: S101
            if n * (1 - objective.quantile) < MIN_TAIL:
                return None
            return quantile_of(tally.latency, objective.quantile)
        case "throughput":
            return good / seconds if seconds >= 1 else None
        case "availability":
            return good / n if n else None
    answered = good + int(tally.outcome[Outcome.WRONG])
    return good / answered if answered else None
