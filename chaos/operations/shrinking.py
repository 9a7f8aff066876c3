"""Makes a program that fails smaller, and keeps what makes it fail.

Cuts go from the larger to the smaller, as in A. Zeller's and R. Hildebrandt's "Simplifying and isolating
failure-inducing input" (2002): steps of a kind, runs of steps, lanes, single operations; then what is left is made
simpler. A failure that comes and goes is tried several times, so that what is kept fails about as often as what there
was.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chaos.operations.lanes import as_text
from chaos.operations.program import (
    NAMES,
    Concurrent,
    Inject,
    Operation,
    Program,
    Quiesce,
    Revert,
    Step,
    lanes_of,
    models_of,
)

__all__ = ["Shrunk", "cuts", "renamed", "shrink"]

ENOUGH = 3
"""So many failures are expected of a candidate that fails as often."""
MOST_TRIES = 20
KEPT = 0.5
"""A candidate is kept if it fails at least so often, compared to what there was."""

READS = ("describe", "list", "health", "infer")

Fails = Callable[[Program], Awaitable[bool]]
Cut = Callable[[Program], Iterator[Sequence[Step]]]


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What is left, and after how many ``runs``; ``whole`` is whether nothing smaller is left to be tried."""

    program: Program
    runs: int
    whole: bool


async def shrink(program: Program, fails: Fails, rate: float, runs: int = 400) -> Shrunk:
    """The smallest program found that fails at about the rate of the one given.

    :param fails: runs a program once, and says whether it failed in the same way
    :param rate: the share of its runs in which the given program fails
    :param runs: stop after so many
    """
    trying = _Trying(fails, rate, runs)
    smaller = True
    while smaller and not trying.spent:
        before = program
        for cut in cuts(program):
            place = 0
            while not trying.spent and place < len(found := list(_whole(program, cut(program)))):
                if await trying.keeps(found[place]):
                    program = found[place]  # what comes after it stands at the same place now
                else:
                    place += 1
        smaller = program != before
    return Shrunk(program, trying.used, not trying.spent)


class _Trying:
    """Runs candidates as often as it takes, and none twice that was refused."""

    def __init__(self, fails: Fails, rate: float, runs: int) -> None:
        self.used = 0
        self._fails = fails
        self._runs = runs
        self._tries = min(MOST_TRIES, math.ceil(ENOUGH / max(rate, 0.01)))
        self._enough = max(1, math.floor(self._tries * rate * KEPT))
        if rate >= 1.0:
            self._tries = self._enough = 2
        self._refused: set[str] = set()

    @property
    def spent(self) -> bool:
        """Whether there may be no more runs."""
        return self.used >= self._runs

    async def keeps(self, candidate: Program) -> bool:
        """Whether it fails often enough."""
        text = as_text(candidate.document())
        if text in self._refused:
            return False
        failed = tried = 0
        while failed < self._enough and failed + self._tries - tried >= self._enough:
            tried += 1
            failed += await self._fails(candidate)
        self.used += tried
        if failed < self._enough:
            self._refused.add(text)
        return failed >= self._enough


def renamed(program: Program) -> Program:
    """The same with its models called ``a``, ``b`` and so on, as they turn up."""
    models = dict.fromkeys(model for step in program.steps for model in models_of(step))
    names = {model: NAMES[place] for place, model in enumerate(models)}

    def called(part: Any) -> Any:
        if isinstance(part, list):
            return [called(each) for each in part]
        if isinstance(part, dict):
            return {
                key: names.get(value, value) if key == "model" else called(value)
                for key, value in part.items()
            }
        return part

    return Program.model_validate({"steps": called(program.document())})


def cuts(program: Program) -> Iterator[Cut]:
    """Ways to make a program smaller, those that take most away first; then to make as large ones simpler."""
    yield _without_kinds
    size = len(program.steps) // 2
    while size:
        yield partial(_without_steps, size)
        size //= 2
    yield _with_fewer_lanes
    yield _with_simpler_steps


def _whole(program: Program, found: Iterator[Sequence[Step]]) -> Iterator[Program]:
    """Those that are programs, and other ones."""
    for steps in found:
        kept = _reverting(steps)
        if kept and kept != program.steps:
            yield Program(steps=kept)


def _reverting(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Without reverts of what is not in force; none at all if a fault is injected again before its revert."""
    kept: list[Step] = []
    held: set[str] = set()
    for step in steps:
        if isinstance(step, Inject):
            if step.id in held:
                return ()
            held.add(step.id)
        elif isinstance(step, Revert):
            if step.revert not in held:
                continue
            held.discard(step.revert)
        kept.append(step)
    return tuple(kept)


def _without_kinds(program: Program) -> Iterator[Sequence[Step]]:
    """Without faults, without waits, without what only reads, all of a kind at once; then without each fault."""
    for kind in (Inject | Revert, Quiesce):
        yield [step for step in program.steps if not isinstance(step, kind)]
    yield [step for step in program.steps if not (isinstance(step, Operation) and step.do in READS)]
    for step in program.steps:
        if isinstance(step, Inject):
            yield [each for each in program.steps if each is not step]


def _without_steps(size: int, program: Program) -> Iterator[Sequence[Step]]:
    """Without so many steps that follow each other, the last ones first."""
    steps = program.steps
    for start in range(len(steps) - size, -1, -1):
        yield [*steps[:start], *steps[start + size :]]


def _with_fewer_lanes(program: Program) -> Iterator[Sequence[Step]]:
    for number, step in enumerate(program.steps):
        if isinstance(step, Concurrent):
            yield from _replaced(program, number, _fewer_lanes(step))


def _with_simpler_steps(program: Program) -> Iterator[Sequence[Step]]:
    for number, step in enumerate(program.steps):
        yield from _replaced(program, number, ([each] for each in _simpler(step)))


def _replaced(program: Program, number: int, found: Iterator[Sequence[Step]]) -> Iterator[Sequence[Step]]:
    for steps in found:
        yield [*program.steps[:number], *steps, *program.steps[number + 1 :]]


def _fewer_lanes(step: Concurrent) -> Iterator[Sequence[Step]]:
    """One after another; lanes less, half of them first; operations less."""
    lanes = lanes_of(step)
    flat = [operation for lane in lanes for operation in lane if operation.do != "pause"]
    if len(lanes) == 1 or len(flat) == 1:
        yield flat
        return
    half = len(lanes) // 2
    for kept in dict.fromkeys((tuple(lanes[:half]), tuple(lanes[half:]))):
        if len(kept) < len(lanes) - 1:
            yield [Concurrent(concurrent=tuple(map(tuple, kept)))]
    for number in range(len(lanes)):
        rest = [tuple(lane) for place, lane in enumerate(lanes) if place != number]
        yield [Concurrent(concurrent=tuple(rest))]
    for number, lane in enumerate(lanes):
        for place in range(len(lane)):
            if len(lane) > 1:
                short = (*lane[:place], *lane[place + 1 :])
                rest = [tuple(each) for each in lanes]
                rest[number] = short
                yield [Concurrent(concurrent=tuple(rest))]
    yield flat


def _simpler(step: Step) -> Iterator[Step]:
    """The same with less in it."""
    if isinstance(step, Operation):
        yield from _plainer(step)
    elif isinstance(step, Concurrent):
        for number, lane in enumerate(step.concurrent):
            for place, operation in enumerate(lane):
                for plainer in _plainer(operation):
                    lanes = list(step.concurrent)
                    lanes[number] = (*lane[:place], plainer, *lane[place + 1 :])
                    yield Concurrent(concurrent=tuple(lanes))


def _plainer(operation: Operation) -> Iterator[Operation]:
    if operation.lose:
        yield operation.model_copy(update={"lose": ""})
    if operation.batch > 1:
        yield operation.model_copy(update={"batch": 1})
    if operation.package in ("scarce", "hungry"):
        yield operation.model_copy(update={"package": "good"})
    if operation.do in ("register", "scale"):
        for workers in range(1 if operation.do == "register" else 0, min(operation.workers, 4)):
            yield operation.model_copy(update={"workers": workers})
