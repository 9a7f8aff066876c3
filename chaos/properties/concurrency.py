"""E, concurrency: what a target serves at once, and in a second, against what it is configured to serve.

The law that joins them is Little's, L = λW (*Operations Research* 9, 1961): requests in service are the throughput
times the time that each is served, requests in the system the throughput times their latency. Closed users make the
latter known, so that the load itself is checked by it; workers and batch size bound the former, so that throughput is
bounded by the asymptotes of operational analysis (Denning and Buzen, *Computing Surveys* 10, 1978): n users are served
at the rate n/s until all places are taken, and from there at places/s, each after n/X seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chaos.properties.base import About, CannotTell, Measure, at_least, at_most
from chaos.properties.record import CellRecord, Requests
from chaos.properties.waiting import behind, waits
from chaos.sla.results import Verdict
from chaos.sla.statistics import Estimate, Indicator, interval, ratio

__all__ = ["ENOUGH", "Concurrency", "level_name", "rate"]

ENOUGH = 0.9
"""The share of the highest throughput from which on it counts as saturated."""

USED = 0.8
"""The share of the places that must be in use when more users wait than there are places. What is missing is the time
between two requests of a worker: the answer's way out and the next request's way in, against a service of 40 ms."""

USED_AT_MOST = 1.1
SATURATED_BY = 2.0
KEPT = 0.5
"""The share of the highest throughput that is left when more users come. A server that loses some of it to the cost of
more connections is no matter; one that collapses keeps a tenth."""

PATIENCE = 0.4
FAIR = 3.0
"""Nobody waits longer than so many times the fair share n/X, and a moment (:data:`PATIENCE`, seconds)."""

UNITS = 40
FEWEST = 3
PRESENT = 0.9
"""The share of the users that must be in flight, on average; else it was the harness that could not keep them there."""


def level_name(users: int) -> str:
    """The name of the load of so many users."""
    return f"{users} users"


def rate(requests: Requests, start: float, end: float, together: int) -> Indicator | None:
    """Requests answered rightly in a second, by when they ended, in a span of time; None if there are too few.

    Where it is known how many may end at one instant (``together``, 0 if not), the units are groups of so many
    departures: workers that march in step end a bunch at a time, and equal pieces of time would hold one more or less.
    """
    ended = np.sort(requests.ended[requests.ok & (requests.ended >= start) & (requests.ended < end)])
    if ended.size < FEWEST * max(together, 1) + 1:
        return None
    if together:
        size = max(together, ended.size // UNITS)
        seconds = np.diff(ended[::size])
        counts = np.full(seconds.size, float(size))
    else:
        counts = np.histogram(ended, UNITS, (start, end))[0].astype(np.float64)
        seconds = np.full(UNITS, (end - start) / UNITS)
    return Indicator(np.column_stack((counts, seconds)), lambda sums: sums[:, 0] / sums[:, 1])


@dataclass(frozen=True, slots=True)
class _Level:
    users: int
    start: float
    end: float
    requests: Requests
    rate: Indicator
    throughput: Estimate

    @property
    def in_flight(self) -> float:
        """How many requests were in the system, on average over the time."""
        begun = np.maximum(self.requests.intended, self.start)
        ended = np.minimum(self.requests.ended, self.end)
        return float(np.maximum(ended - begun, 0.0).sum() / (self.end - self.start))

    @property
    def fair(self) -> float:
        """The wait that each user has if all have the same, in seconds."""
        return self.users / self.throughput.value

    @property
    def longest(self) -> float:
        """The longest wait, in seconds, of any request that was in the system."""
        return float(self.requests.latency.max())


class Concurrency:
    """Concurrency is commensurate with the configuration."""

    code = "E"

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """What is served at once or sustained, where it saturates, how fairly it is shared out, and what is refused."""
        answered = _answered(record)
        try:
            return [*_served(record), answered]
        except CannotTell:
            if answered.verdict is Verdict.FAIL:  # that is why
                return [answered]
            raise

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """The saturation curve.

        ``users`` and, for each number of them, ``throughput`` with ``low`` and ``high`` (requests a second) and
        ``latency`` (mean, seconds); ``capacity`` (requests a second that the configuration can serve at most) and
        ``places`` (requests at once), null where nothing says so; ``knee``: the two numbers of users between which
        it saturates, or null; ``waits``: list of ``{"operation", "seconds", "longest"}``, the longest wait of a reader
        that came during a slow operation of so many seconds.
        """
        places, service = _places(record)
        levels = _levels(record, places or 0)
        return {
            "users": [level.users for level in levels],
            "throughput": [level.throughput.value for level in levels],
            "low": [level.throughput.low for level in levels],
            "high": [level.throughput.high for level in levels],
            "latency": [float(level.requests.latency.mean()) for level in levels],
            "capacity": None if places is None else places / service,
            "places": places,
            "knee": list(_knee(levels)) if levels else None,
            "waits": [
                {"operation": wait.operation, "seconds": wait.seconds, "longest": wait.longest}
                for wait in waits(record)
            ],
        }


def _served(record: CellRecord) -> Iterator[Measure]:
    """What the users were served, by the level of the most."""
    places, service = _places(record)
    levels = _levels(record, places or 0)
    most = max(int(note["users"]) for note in record.notes("level"))
    if not levels or levels[-1].users < most:
        raise CannotTell(f"of {most} users too few were answered to tell the throughput")
    last = levels[-1]
    if last.users > 1 and last.in_flight < PRESENT * last.users:
        raise CannotTell(
            f"of {last.users} users {last.in_flight:.1f} had a request in flight: the harness could not keep up"
        )
    if places is None:
        best = max(levels, key=lambda level: level.throughput.value)
        yield _sustained(record, best, last)
        yield from behind(record)
    else:
        yield from _used(last, places, service)
        yield _saturation(levels, places)
    yield _fairness(last)


def _levels(record: CellRecord, places: int) -> list[_Level]:
    """The levels at which enough was answered to tell the throughput, each number of users once."""
    found: list[_Level] = []
    for note in record.notes("level"):
        start, end = float(note["start"]), float(note["end"])
        users = int(note["users"])
        requests = record.requests(note["load"])
        indicator = rate(requests, start, end, min(users, places))
        estimate = None if indicator is None else interval(indicator, np.random.default_rng(record.seed))
        if indicator is not None and estimate is not None:
            found.append(_Level(users, start, end, requests, indicator, estimate))
    found.sort(key=lambda level: (level.users, level.throughput.value))
    # where one number of users came twice, the better counts: a moment in which others were at work makes it only worse
    return list({level.users: level for level in found}.values())


def _places(record: CellRecord) -> tuple[int | None, float]:
    notes = record.notes("places")
    if not notes:
        raise CannotTell("it is not noted how much the configuration lets be served at once")
    if notes[0]["places"] is None:
        return None, 0.0
    return int(notes[0]["places"]), float(notes[0]["service"])


def _used(last: _Level, places: int, service: float) -> Iterator[Measure]:
    """Requests in service by Little's law, as a share of the places there are."""
    share = service / places
    used = [share * value for value in (last.throughput.value, last.throughput.low, last.throughput.high)]
    says = (
        f"{last.users} users were served {last.throughput.value:.4g} requests a second, {used[0] * places:.3g} "
        f"at a time, where {places} places of {1000 * service:g} ms make {places / service:.4g} a second"
    )
    about = About(unit="of the places", n=last.requests.n, timed=True, says=says)
    yield at_least("places in use", USED, *used, **about)
    yield at_most("places in use at most", USED_AT_MOST, *used, **about)


def _knee(levels: Sequence[_Level]) -> tuple[int, int]:
    """The most users by whom it was not saturated, and the fewest by whom it was."""
    enough = ENOUGH * max(level.throughput.value for level in levels)
    above = min(level.users for level in levels if level.throughput.value >= enough)
    return max((level.users for level in levels if level.users < above), default=above), above


def _saturation(levels: Sequence[_Level], places: int) -> Measure:
    """The number of users that saturates, which a search has found, as a multiple of the places."""
    below, above = _knee(levels)
    return at_most(
        "saturation point",
        SATURATED_BY,
        above / places,
        min(below + 1, above) / places,
        above / places,
        unit="times the places",
        n=sum(level.requests.n for level in levels),
        timed=True,
        says=f"more than {ENOUGH:.0%} of the highest throughput is reached by {above} users, not by {below}",
    )


def _sustained(record: CellRecord, best: _Level, last: _Level) -> Measure:
    found = ratio(last.rate, best.rate, np.random.default_rng(record.seed)) if best is not last else None
    estimate = found or Estimate(1.0, 1.0, 1.0)
    return at_least(
        "throughput kept",
        KEPT,
        estimate.value,
        estimate.low,
        estimate.high,
        unit="of the highest",
        n=last.requests.n,
        timed=True,
        says=f"{last.throughput.value:.4g} requests a second by {last.users} users, {best.throughput.value:.4g} by "
        f"{best.users}",
    )


def _fairness(last: _Level) -> Measure:
    return at_most(
        "longest wait",
        PATIENCE + FAIR * last.fair,
        last.longest,
        unit="s",
        n=last.requests.n,
        timed=True,
        says=f"of {last.users} users, who wait {last.fair:.3g} s each if all wait the same",
    )


def _answered(record: CellRecord) -> Measure:
    loads = [load for load in record.loads() if not load.startswith("slow ")]
    if not loads or not record.notes("level"):
        raise CannotTell("no users were at work")
    requests = [record.requests(load) for load in loads]
    lost = sum(int((~each.ok).sum()) for each in requests)
    worst = max(loads, key=lambda load: int((~record.requests(load).ok).sum()))
    says = f"most of them with the load '{worst}'" if lost else ""
    return at_most(
        "requests not answered", 0, lost, unit="requests", n=sum(each.n for each in requests), says=says
    )
