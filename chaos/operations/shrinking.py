"""Makes a program that fails smaller, and keeps what makes it fail.

Candidates come from the larger to the smaller cut, as in A. Zeller's and R. Hildebrandt's "Simplifying and isolating
failure-inducing input" (2002): faults, runs of steps, lanes, single operations; then what is left is made simpler. A
failure that comes and goes is tried several times, so that what is kept fails about as often as what there was.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from chaos.operations.lanes import as_text
from chaos.operations.program import Concurrent, Inject, Operation, Program, Revert, Step, lanes_of

__all__ = ["Shrunk", "candidates", "shrink"]

ENOUGH = 3
"""So many failures are expected of a candidate that fails as often."""
MOST_TRIES = 20
KEPT = 0.5
"""A candidate is kept if it fails at least so often, compared to what there was."""

Fails = Callable[[Program], Awaitable[bool]]


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
    tries = min(MOST_TRIES, math.ceil(ENOUGH / max(rate, 0.01)))
    enough = max(1, math.floor(tries * rate * KEPT))
    if rate >= 1.0:
        tries = enough = 2
    used = 0
    refused: set[str] = set()
    smaller = True
    while smaller:
        smaller = False
        for candidate in candidates(program):
            text = as_text(candidate.document())
            if text in refused:
                continue
            if used >= runs:
                return Shrunk(program, used, False)
            failed = tried = 0
            while failed < enough and failed + tries - tried >= enough:
                tried += 1
                failed += await fails(candidate)
            used += tried
            if failed >= enough:
                program, smaller = candidate, True
                break
            refused.add(text)
    return Shrunk(program, used, True)


def candidates(program: Program) -> Iterator[Program]:
    """Smaller programs, those that lack most first; then as large ones that are simpler."""
    yield from _whole(program, _without_faults(program))
    yield from _whole(program, _without_steps(program))
    for number, step in enumerate(program.steps):
        if isinstance(step, Concurrent):
            yield from _whole(program, _replaced(program, number, _fewer_lanes(step)))
    for number, step in enumerate(program.steps):
        yield from _whole(program, _replaced(program, number, ([each] for each in _simpler(step))))


def _whole(program: Program, found: Iterator[Sequence[Step]]) -> Iterator[Program]:
    """Those that are programs, and other ones."""
    for steps in found:
        held = {step.id for step in steps if isinstance(step, Inject)}
        kept = tuple(step for step in steps if not isinstance(step, Revert) or step.revert in held)
        if kept and kept != program.steps:
            yield Program(steps=kept)


def _without_faults(program: Program) -> Iterator[Sequence[Step]]:
    for step in program.steps:
        if isinstance(step, Inject):
            yield [each for each in program.steps if each is not step]


def _without_steps(program: Program) -> Iterator[Sequence[Step]]:
    steps = program.steps
    size = len(steps) // 2
    while size:
        for start in range(len(steps) - size, -1, -1):
            yield [*steps[:start], *steps[start + size :]]
        size //= 2


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
    if operation.package == "scarce":
        yield operation.model_copy(update={"package": "good"})
    if operation.do in ("register", "scale"):
        for workers in range(1 if operation.do == "register" else 0, min(operation.workers, 4)):
            yield operation.model_copy(update={"workers": workers})
