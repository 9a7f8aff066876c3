"""H, grace: whether workers that leave finish what was given to them, get nothing new, and are gone in bounded time.

Each round a model has a burst of long requests on its way, more than it has workers, and a trickle of short ones, when
workers are taken away: some (``fewer``), all (``zero``), or with the model (``unregister``). The procedure
(:mod:`chaos.cells.grace`) notes each request with its HTTP status and the worker process that the answer names. All
counts are a census of the requests that were sent, so they have no interval.

What is observed is who answered, and when. That a worker was *given* a request is inferred from its answer, so one
that was given to a leaving worker and lost there is among the lost ones.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chaos.history import Event
from chaos.properties.base import CannotTell, Measure, at_most
from chaos.properties.record import CellRecord

__all__ = ["GRACE", "How", "drain_bound"]

How = Literal["fewer", "zero", "unregister"]

IN_WORDS: Mapping[str, str] = {
    "fewer": "scaling down",
    "zero": "scaling to zero",
    "unregister": "unregistering",
}
REFUSALS = (404, 409, 410, 429, 503)
"""How a request that comes too late may be refused: the model is not there, or has no worker."""


def drain_bound(how: How, settings: Mapping[str, float]) -> float:
    """How long the operation may take in seconds: the long requests there are, in turns on the workers that there are
    for them, and the slack. Those that stay on are enough even for a server that lets all of a model drain first."""
    workers = int(settings["workers"]) - (1 if how == "fewer" else 0)
    return math.ceil(settings["longs"] / workers) * settings["long_ms"] / 1000 + settings["slack"]


@dataclass(frozen=True, slots=True)
class _Round:
    """One round: its note, its operation, and its requests."""

    note: Event
    call: Event
    asked: tuple[Event, ...]
    settings: Mapping[str, float]

    @property
    def how(self) -> str:
        return str(self.note["how"])

    @property
    def bound(self) -> float:
        return float(self.note["bound"])

    @property
    def leaving(self) -> set[int]:
        return set(self.note["before"]) - set(self.note["after"])

    @property
    def admitted(self) -> list[Event]:
        """Sent so long before the operation that the server had them; one that came with it may be refused."""
        return [one for one in self._sent() if one["sent"] <= self.call["start"] - self.settings["gap"]]

    @property
    def later(self) -> list[Event]:
        """All others that were sent."""
        return [one for one in self._sent() if one["sent"] > self.call["start"] - self.settings["gap"]]

    def misgiven(self) -> int:
        """Requests that workers answered though they were leaving when they were given them.

        Where all leave, they serve what was admitted, and nothing that was sent after it. Where others stay, a leaving
        worker serves nothing that was given to it after it began to leave: at its answer less the time that it sleeps.
        """
        noticed = self.call["start"] + self.settings["notice"]
        if self.how == "fewer":
            return sum(
                one["pid"] in self.leaving and one["ended"] - self._service(one) > noticed
                for one in self._sent()
            )
        return sum(one["status"] == 200 and one["sent"] > noticed for one in self.later)

    def _service(self, one: Event) -> float:
        return self.settings["long_ms" if one["long"] else "short_ms"] / 1000

    def _sent(self) -> Iterable[Event]:
        return (one for one in self.asked if one["sent"] is not None)


class Grace:
    """The property."""

    code = "H"

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """Counts of what was lost, cut, misgiven, left and not done, and the longest time to drain.

        :raises CannotTell: if there was no round, or one in which nothing was on its way when the workers left
        """
        rounds = _rounds(record)
        for one in rounds:
            _check(one, int(record.settings["workers"]))
        measures = [
            _lost(rounds),
            _broken(rounds),
            _misgiven(rounds),
            _undone(rounds),
            _drain(rounds),
        ]
        seen = [one for one in rounds if one.note["left"] is not None]
        if seen:
            left = sum(len(one.note["left"]) for one in seen)
            says = "worker processes that were still there some time after they had left"
            measures.append(
                at_most("processes left", 0, left, n=sum(len(one.leaving) for one in seen), says=says)
            )
        return measures

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """A drain timeline of each round.

        ``rounds``: list of ``{"how": "fewer" | "zero" | "unregister", "start", "end"`` (of the operation), ``"bound"``
        (seconds that it may take), ``"leaving": [pid], "gone"`` (when none of them was there any more, or null),
        ``"requests": [{"sent", "ended", "long": bool, "status", "problem", "pid"}]``, oldest first ``}``. All instants
        are seconds since the first request of the round.
        """
        return {"rounds": [_timeline(one) for one in _rounds(record)]}


GRACE = Grace()


def _rounds(record: CellRecord) -> list[_Round]:
    calls = {event["round"]: event for event in record.kind("call") if "round" in event}
    asked: dict[int, list[Event]] = {}
    for event in record.notes("asked"):
        asked.setdefault(event["round"], []).append(event)
    rounds = [
        _Round(note, calls[note["round"]], tuple(asked.get(note["round"], ())), record.settings)
        for note in record.notes("round")
        if note["round"] in calls
    ]
    if not rounds:
        raise CannotTell("no worker was taken away")
    return rounds


def _check(one: _Round, workers: int) -> None:
    """See that what was to be measured was there.

    :raises CannotTell: if not
    """
    if not one.note["before"] and one.how == "fewer":
        raise CannotTell("the target does not tell the processes of its workers, so nobody knows which leave")
    if one.how == "fewer" and one.call["outcome"] == "ok" and not one.leaving:
        raise CannotTell("the target tells the same worker processes after scaling down as before it")
    if one.how == "fewer" and one.call["outcome"] == "ok" and not one.note["after"]:
        raise CannotTell("the target did not tell the processes of its workers after scaling down")
    under_way = [each for each in one.admitted if each["long"] and each["ended"] > one.call["start"]]
    if len(under_way) <= workers:
        raise CannotTell(
            f"{len(under_way)} requests were under way when {IN_WORDS[one.how]} began, not more than there were "
            f"workers ({workers}): was the machine too slow?"
        )
    if one.how == "fewer" and not any(each["pid"] in one.note["before"] for each in one.asked):
        raise CannotTell(
            "no answer names the worker process that it is from (package 'sleep' does, if asked)"
        )


def _lost(rounds: Sequence[_Round]) -> Measure:
    lost = [(one.how, each) for one in rounds for each in one.admitted if _bad(each)]
    n = sum(len(one.admitted) for one in rounds)
    says = f"of {n} requests that the server had before workers left{_told(lost)}"
    return at_most("admitted requests lost", 0, len(lost), n=n, says=says)


def _broken(rounds: Sequence[_Round]) -> Measure:
    broken = [
        (one.how, each)
        for one in rounds
        for each in one.later
        if _bad(each) and not (one.how != "fewer" and each["status"] in REFUSALS)
    ]
    n = sum(len(one.later) for one in rounds)
    says = f"of {n} that came later, which may be refused at most where no worker is left{_told(broken)}"
    return at_most("later requests broken", 0, len(broken), n=n, says=says)


def _misgiven(rounds: Sequence[_Round]) -> Measure:
    """Timed: that a worker was given a request late is told by instants, which a machine that is too busy blurs."""
    count = sum(one.misgiven() for one in rounds)
    n = sum(len(one.asked) for one in rounds)
    says = "requests answered by workers that were leaving before they were given them"
    return at_most("given to leaving workers", 0, count, n=n, timed=True, says=says)


def _undone(rounds: Sequence[_Round]) -> Measure:
    undone = [one for one in rounds if one.call["outcome"] != "ok"]
    said = f"; {IN_WORDS[undone[0].how]}: {undone[0].call['detail'] or 'no answer'}" if undone else ""
    return at_most("operations not done", 0, len(undone), n=len(rounds), says=f"of {len(rounds)}{said}")


def _drain(rounds: Sequence[_Round]) -> Measure:
    slowest = max(rounds, key=lambda one: float(one.call["end"] - one.call["start"]) / one.bound)
    seconds = float(slowest.call["end"] - slowest.call["start"])
    says = f"{IN_WORDS[slowest.how]}, which came nearest to what the requests under way and the slack allow"
    return at_most("time to drain", slowest.bound, seconds, unit="s", n=len(rounds), timed=True, says=says)


def _bad(asked: Event) -> bool:
    return bool(asked["status"] != 200 or asked["problem"])


def _told(bad: Sequence[tuple[str, Event]]) -> str:
    """How they ended, by operation and in numbers."""
    ends = Counter(f"{each['problem'] or each['status']} while {IN_WORDS[how]}" for how, each in bad)
    return f": {', '.join(f'{count} x {end}' for end, count in ends.most_common(3))}" if ends else ""


def _timeline(one: _Round) -> dict[str, Any]:
    asked = sorted((each for each in one.asked if each["sent"] is not None), key=lambda each: each["sent"])
    zero = asked[0]["sent"] if asked else one.call["start"]

    def since(instant: float | None) -> float | None:
        return None if instant is None else round(instant - zero, 4)

    return {
        "how": one.how,
        "start": since(one.call["start"]),
        "end": since(one.call["end"]),
        "bound": one.bound,
        "leaving": sorted(one.leaving),
        "gone": since(one.note["gone"]),
        "requests": [
            {
                **{name: each[name] for name in ("long", "status", "problem", "pid")},
                "sent": since(each["sent"]),
                "ended": since(each["ended"]),
            }
            for each in asked
        ],
    }
