"""What a history holds beside what clients saw: states of the target, what faults noted, errors, executions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chaos.checks.results import CannotTellError
from chaos.errors import RunDirectoryError
from chaos.history import Event
from chaos.recording import FaultInterval, Recording

__all__ = ["Evidence", "LinkSeen", "ModelSeen", "State", "gather"]


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """A model at one instant: workers asked for, ready as the target says, and its living replica processes.

    ``alive`` is None where nobody counted processes.
    """

    desired: int
    workers: int
    pids: frozenset[int]
    alive: int | None

    def is_exactly(self, workers: int) -> bool:
        """Whether it was asked for so many, so many are ready, and so many processes live."""
        return self.desired == self.workers == self.alive == workers


@dataclass(frozen=True, slots=True)
class LinkSeen:
    """A link of the target at one instant; ``model`` is empty for one that belongs to none.

    ``since`` is the instant at which it came up or went down last.
    """

    name: str
    model: str
    up: bool
    since: float


@dataclass(frozen=True, slots=True)
class State:
    """The target at one instant of the monotonic clock.

    ``strays`` are living replica processes of no model that the target tells; ``links`` is None where they were not
    read. With an ``error`` some of it could not be read; what is there holds.
    """

    at: float
    models: Mapping[str, ModelSeen]
    strays: int
    links: tuple[LinkSeen, ...] | None
    error: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that checks judge by. ``errors`` and ``executions`` are None where the target does not record them."""

    recording: Recording
    states: tuple[State, ...]
    notes: tuple[Event, ...]
    """What faults noted: events of kind ``evidence``."""
    errors: tuple[Mapping[str, Any], ...] | None
    executions: Mapping[str, Any] | None

    def about(self, what: str) -> list[Event]:
        """The notes about one thing, oldest first."""
        return [note for note in self.notes if note["about"] == what]

    def faults(self, *names: str) -> list[FaultInterval]:
        """The faults of those names."""
        return [fault for fault in self.recording.faults if fault.fault in names]

    def states_of(self, model: str) -> list[tuple[float, ModelSeen]]:
        """``(instant, what was seen)`` of a model, oldest first.

        :raises CannotTellError: if it never was
        """
        found = [(state.at, state.models[model]) for state in self.states if model in state.models]
        if not found:
            raise CannotTellError(f"the state of model '{model}' was never read{self._why()}")
        return found

    def counted(self, model: str) -> list[tuple[float, ModelSeen]]:
        """Those at which its living processes were counted: others are no evidence of them.

        :raises CannotTellError: if there is none
        """
        found = [(at, seen) for at, seen in self.states_of(model) if seen.alive is not None]
        if not found:
            raise CannotTellError(f"the living replicas of model '{model}' were not counted")
        return found

    def _why(self) -> str:
        told = next((state.error for state in self.states if state.error), "")
        return f": {told}" if told else " (does the target describe its models?)"


def gather(events: Iterable[Event], recording: Recording) -> Evidence:
    """The evidence in a history.

    :raises RunDirectoryError: if an event lacks what its kind needs
    """
    states: list[State] = []
    notes: list[Event] = []
    errors: tuple[Mapping[str, Any], ...] | None = None
    executions: Mapping[str, Any] | None = None
    measuring = False
    try:
        for event in events:
            match event["kind"]:
                case "cell":
                    measuring = event["event"] == "begin"
                case "state" if not measuring:  # what a cell looks at is its own
                    states.append(_state(event))
                case "evidence":
                    notes.append({**event, "about": str(event["about"]), "lease": str(event["lease"])})
                case "errors":
                    errors = tuple(dict(entry) for entry in event["errors"])
                case "executions":
                    executions = event
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunDirectoryError(f"the history holds evidence that cannot be understood: {error!r}") from None
    return Evidence(recording, tuple(states), tuple(notes), errors, executions)


def _state(event: Event) -> State:
    links = event.get("links")
    return State(
        at=float(event["at"]),
        models={
            str(name): ModelSeen(
                desired=int(seen["desired"]),
                workers=int(seen["workers"]),
                pids=frozenset(int(pid) for pid in seen["pids"]),
                alive=None if seen["alive"] is None else int(seen["alive"]),
            )
            for name, seen in event.get("models", {}).items()
        },
        strays=int(event.get("strays") or 0),
        links=None
        if links is None
        else tuple(
            LinkSeen(str(link["name"]), str(link["model"]), bool(link["up"]), float(link["since"]))
            for link in links
        ),
        error=str(event.get("error", "")),
    )
