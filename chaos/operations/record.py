"""One run of a program as it is judged: what was asked and answered, what was seen to stand, and when faults held.

It is made of events of the run's history (:mod:`chaos.history`), so that an old run can be judged again:

- ``program``   ``steps`` (:mod:`chaos.operations.program`) and ``names`` (real name of each model of it), as far as
  they are known when it begins, ``limits`` (as the target tells them, or null), ``reloads`` (whether a model that is
  there may be registered again)
- ``named``     ``model, name`` of a model that turned up later
- ``cut``       ``step`` that we ended ourselves, before it was done
- ``call``      ``number`` (from 0, in the order in which they were begun), ``step, lane`` (its place in the program),
  ``operation, model, workers, package, milliseconds`` as asked, ``start, end`` (monotonic clock, seconds), ``outcome``
  (``ok``, ``fail``, or ``info``: nobody knows), ``status`` (0 without an answer), ``detail``, ``lost`` (its answer was
  let go of on purpose), ``again`` (it is the retry of one that was lost), ``told``: of ``describe`` ``desired`` and
  ``workers``, of ``list`` the names of models of the program, of ``infer`` the ``pid`` of who answered, or null, and
  whether the answer is its ``own``: holds the nonce that was sent
- ``standing``  what stands (:mod:`chaos.properties.standing`) ``when``: ``before`` the program, after a ``step``, at
  its ``end`` when all faults are reverted, or when it is cleaned up (``clean``); ``step``, ``state``, and ``rest``:
  seconds until it was as it should be, null if it was not
- ``fault``     as in every history, with the ``step``
- ``bystander`` ``rows`` of requests to a model that no step is about (:mod:`chaos.operations.bystander`)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

from chaos.history import Event
from chaos.targets.records import NodeLimits

__all__ = ["CHANGES", "Done", "ProgramRecord", "Seen", "program_of"]

CHANGES = ("register", "unregister", "scale", "load", "unload")
"""Operations that change something; the others read, or infer."""


@dataclass(frozen=True, slots=True)
class Done:
    """One operation as it went; the fields of a ``call`` event."""

    number: int
    step: int
    lane: int
    operation: str
    model: str
    workers: int
    package: str
    start: float
    end: float
    outcome: str
    status: int = 0
    detail: str = ""
    milliseconds: float = 0.0
    lost: bool = False
    again: bool = False
    told: Any = None

    @property
    def known(self) -> bool:
        """Whether it is known how it ended."""
        return self.outcome != "info"

    @property
    def last(self) -> float:
        """The instant after which it can have no effect any more; infinite if nobody knows."""
        return self.end if self.known else inf

    def overlaps(self, other: Done) -> bool:
        """Whether neither had ended when the other began."""
        return self.start <= other.last and other.start <= self.last

    def __str__(self) -> str:
        what = {"register": f" ({self.package}, {self.workers})", "scale": f" to {self.workers}"}
        return f"{self.operation} {self.model}{what.get(self.operation, '')}".strip()


@dataclass(frozen=True, slots=True)
class Seen:
    """What stood; the fields of a ``standing`` event."""

    when: str
    step: int
    at: float
    state: Mapping[str, Any]
    rest: float | None


class ProgramRecord:
    """The events of one run of a program, oldest first; the first is its ``program`` event."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.program = next(event for event in events if event["kind"] == "program")

    @property
    def names(self) -> dict[str, str]:
        """The real names of the program's models, by those that it has for them."""
        met = {event["model"]: event["name"] for event in self.events if event["kind"] == "named"}
        return {**self.program["names"], **met}

    @property
    def limits(self) -> NodeLimits | None:
        """What the target's node can bear; None if it does not say."""
        told = self.program["limits"]
        return None if told is None else NodeLimits(**told)

    def of_step(self, step: int) -> list[Done]:
        """The operations of a step."""
        return [done for done in self.calls if done.step == step]

    @property
    def reloads(self) -> bool:
        """Whether the target takes a registration of what is there for a wish to load it again."""
        return bool(self.program["reloads"])

    @cached_property
    def calls(self) -> tuple[Done, ...]:
        """All operations, in the order in which they were begun."""
        fields = Done.__dataclass_fields__
        made = [
            Done(**{name: event[name] for name in fields if name in event})
            for event in self.events
            if event["kind"] == "call"
        ]
        return tuple(sorted(made, key=lambda done: done.number))

    @property
    def cut(self) -> bool:
        """Whether we ended it ourselves: then what was not answered says nothing of the target."""
        return any(event["kind"] == "cut" for event in self.events)

    @cached_property
    def seen(self) -> tuple[Seen, ...]:
        """What stood after the steps that were looked at."""
        return tuple(
            Seen(event["when"], event["step"], event["at"], event["state"], event["rest"])
            for event in self.events
            if event["kind"] == "standing"
        )

    @cached_property
    def faults(self) -> tuple[tuple[float, float, str], ...]:
        """From when to when each fault was in force, and its name; one that was not reverted holds for ever."""
        began: dict[str, tuple[float, str]] = {}
        found = []
        for event in self.events:
            if event["kind"] != "fault":
                continue
            if event["event"] == "intent":
                began[event["id"]] = event["at"], event["fault"]
            elif event["event"] == "reverted" and event["id"] in began:
                start, name = began.pop(event["id"])
                found.append((start, event["at"], name))
        return tuple(found + [(start, inf, name) for start, name in began.values()])

    def calm(self, done: Done) -> bool:
        """Whether no fault was in force while an operation was under way."""
        return all(done.last < start or end < done.start for start, end, _ in self.faults)


def program_of(events: Sequence[Event]) -> ProgramRecord | None:
    """The program in the history of a run that may have run one; None if it did not."""
    kept: list[Event] = []
    measuring = False  # what a cell does and sees is its own
    for event in events:
        if event["kind"] == "cell":
            measuring = event["event"] == "begin"
        elif not measuring and (kept or event["kind"] == "program"):
            kept.append(event)
    return ProgramRecord(kept) if kept else None
