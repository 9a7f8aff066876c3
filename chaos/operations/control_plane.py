"""The control plane as one model of it sees it, for the search for an order: absent, or there with so many workers.

An operation that fails may be seen while it is at work: a model that will not start is listed until that is known. So
it counts as two calls in its time: it takes effect, or not; and that is taken back. Nothing else changes in between,
for a control plane does one thing after another to a model. One that is being unregistered may be described and listed
until that is done, while it is closed to whoever wants something of it; so that is two calls, too. An operation
that finds it closed may have begun before.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from chaos.operations.linearizability import Call
from chaos.operations.record import Done

__all__ = ["ControlPlane", "State", "calls_about", "numbers_of"]

GONE = 404
REFUSED = (400, 404, 405, 409, 422)
"""Answers that say at once that nothing was, or will be, done."""


@dataclass(frozen=True, slots=True)
class State:
    """``workers`` that are asked for; None: it is not there. ``trying``: the number of the operation that has taken
    effect and will fail, and what was before it; ``idle``: those that will fail and have not taken effect;
    ``leaving``: somebody is at unregistering it."""

    workers: int | None = None
    trying: tuple[int, int | None] | None = None
    idle: frozenset[int] = frozenset()
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a call asks: ``set`` (as ``operation``, to ``workers``), ``may`` (so, or not), ``leave``, ``try``, ``back``,
    ``there``, ``absent``, ``closed``, ``is``."""

    what: str
    number: int
    operation: str = ""
    workers: int | None = None


class ControlPlane:
    """One model. ``reloads``: a registration of a model that is there is taken for a wish to load it again."""

    def __init__(self, reloads: bool = False) -> None:
        self._reloads = reloads

    def initial(self) -> Hashable:
        """It is not there."""
        return State()

    def step(self, state: Hashable, call: Call) -> Iterable[Hashable]:
        """The states after a call; see :class:`chaos.operations.linearizability.Sequential`."""
        assert isinstance(state, State)  # noqa: S101 - as initial() made it
        asked: _Asked = call.asked
        match asked.what:
            case "set":
                if state.trying is None and self._possible(state, asked.operation):
                    leaving = state.leaving and asked.workers is not None and state.workers is not None
                    yield State(asked.workers, None, state.idle, leaving)
            case "may":
                yield state
                if state.trying is None and self._possible(state, asked.operation):
                    yield replace(state, workers=asked.workers)
            case "leave":
                yield replace(state, leaving=state.workers is not None)
            case "closed" if state.workers is None or state.leaving:
                yield state
            case "try":
                yield replace(state, idle=state.idle | {asked.number})
                if state.trying is None and self._possible(state, asked.operation):
                    yield replace(state, workers=asked.workers, trying=(asked.number, state.workers))
            case "back":
                if state.trying is not None and state.trying[0] == asked.number:
                    yield replace(state, workers=state.trying[1], trying=None)
                elif asked.number in state.idle:
                    yield replace(state, idle=state.idle - {asked.number})
            case "there" if state.workers is not None:
                yield state
            case "absent" if state.workers is None:
                yield state
            case "is" if state.workers == asked.workers:
                yield state

    def _possible(self, state: State, operation: str) -> bool:
        """Whether it can have done that: to unregister what is not there is to do nothing."""
        there = state.workers is not None
        return {"register": not there or self._reloads, "scale": there}.get(operation, True)


def calls_about(model: str, done: Sequence[Done]) -> list[Call]:
    """What the operations say of one model, as calls of :class:`ControlPlane`."""
    return [call for each in done for call in _calls(model, each)]


def numbers_of(calls: Sequence[Call], order: Iterable[int]) -> list[int]:
    """The numbers of the operations that calls were made of, each once, in the order given."""
    return list(dict.fromkeys(calls[place].asked.number for place in order))


def _calls(model: str, done: Done) -> Iterator[Call]:
    end = done.end if done.known else inf
    if done.operation == "list":
        if done.outcome == "ok":
            yield _call(done, end, "there" if model in done.told else "absent")
        return
    if done.model != model:
        return
    if done.operation in ("register", "scale", "unregister"):
        yield from _change(done, end)
    elif done.outcome == "ok":
        told = done.told if done.operation == "describe" else None
        yield _call(done, end, "is", told["desired"]) if told is not None else _call(done, end, "there")
    elif done.outcome == "fail" and done.status == GONE:
        yield _call(done, end, "absent" if done.operation == "describe" else "closed")


def _change(done: Done, end: float) -> Iterator[Call]:
    """To unregister is to set to None."""
    workers = None if done.operation == "unregister" else done.workers
    if done.outcome in ("ok", "info"):
        if done.operation == "unregister":
            yield _call(done, end, "leave")
        yield _call(done, end, "set", workers)
    elif done.status in REFUSED:
        if done.status == GONE:
            if done.operation != "unregister":
                yield _call(done, end, "may", workers)
            yield _call(done, end, "closed")
    else:
        yield _call(done, end, "try", workers)
        yield _call(done, end, "back", workers)


def _call(done: Done, end: float, what: str, workers: int | None = None) -> Call:
    return Call(_Asked(what, done.number, done.operation, workers), None, done.start, end)
