"""Linearizability: operations that overlapped must have an order that explains what each was answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.operations.checks.base import Violation
from chaos.operations.control_plane import ControlPlane, calls_about, numbers_of
from chaos.operations.linearizability import Budget, linearizable
from chaos.operations.record import Done, ProgramRecord, Seen
from chaos.sla.results import Verdict

__all__ = ["Order"]

BUDGET = Budget(seconds=5.0, configurations=300_000)
SHOWN = 4


class Order:
    """For each model by itself, as linearizability is local; what was seen to stand at rest is one more answer."""

    name = "linearizability"

    def check(self, record: ProgramRecord) -> Iterator[Violation]:
        """One violation for each model whose answers no order explains."""
        for model in sorted(record.names):
            found = linearizable(
                calls := calls_about(model, [*record.calls, *_looks(record, model)]),
                ControlPlane(record.reloads),
                BUDGET,
            )
            if found.verdict is Verdict.PASS:
                continue
            stuck = numbers_of(calls, found.stuck)
            words = found.reason or "no order of the operations explains " + _said(record, model, stuck)
            step = max((_step(record, number) for number in stuck), default=-1)
            named = tuple(number for number in stuck if number >= 0)
            yield Violation(self.name, f"model '{model}': {words}", step, named, found.verdict)


def _step(record: ProgramRecord, number: int) -> int:
    if number >= 0:
        return record.calls[number].step
    seen = record.seen[-1 - number]
    return seen.step if seen.when == "step" else -1


def _looks(record: ProgramRecord, model: str) -> list[Done]:
    """What was seen at rest, as descriptions; their numbers are below zero."""
    return [
        _look(-1 - place, seen, model, record.names[model])
        for place, seen in enumerate(record.seen)
        if seen.when in ("step", "end") and seen.rest is not None and not seen.state["error"]
    ]


def _look(number: int, seen: Seen, model: str, name: str) -> Done:
    state = seen.state["models"].get(name)
    told = None if state is None else {"desired": state["desired"]}
    return Done(
        number=number,
        step=seen.step,
        lane=0,
        operation="describe",
        model=model,
        workers=0,
        package="",
        start=seen.at,
        end=seen.at,
        outcome="fail" if told is None else "ok",
        status=404 if told is None else 200,
        told=told,
    )


def _said(record: ProgramRecord, model: str, numbers: Sequence[int]) -> str:
    words = [
        _answer(record.calls[number]) if number >= 0 else _stood(record, model, -1 - number)
        for number in numbers
    ]
    more = f", or {len(words) - SHOWN} others" if len(words) > SHOWN else ""
    return " or ".join(words[:SHOWN]) + more


def _answer(done: Done) -> str:
    if done.operation == "describe" and done.told is not None:
        return f"'{done}', which told of {done.told['desired']} workers"
    if done.operation == "list" and done.told is not None:
        return f"the list, which had {', '.join(done.told) or 'none of the models'}"
    return f"'{done}', which was answered {done.status or 'by nobody'}"


def _stood(record: ProgramRecord, model: str, place: int) -> str:
    seen = record.seen[place]
    at = f"after step {seen.step + 1}" if seen.when == "step" else "at the end"
    state = seen.state["models"].get(record.names[model])
    what = "was not there" if state is None else f"had {state['desired']} workers asked for"
    return f"that it {what} {at}"
