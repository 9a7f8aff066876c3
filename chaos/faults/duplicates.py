"""Concurrent duplicates: the same control-plane operation many times within a millisecond, lost and sent again.

A round begins at another number of workers, ``start``, so that there is something to do. Then ``copies`` identical
operations start from a barrier (:mod:`chaos.faults.race`). Of ``lost_answers`` of them the client lets the answer go
(``lost``: when it has been ``answered``, or ``early``, as soon as the request is sent) and sends the operation again;
the first to start, which as a rule is the one that acts, is among them. With ``interleave`` a different one, to another
number of workers, races with them, so that either may come last; when all are answered the plain wanted operation is
sent once more, alone, as the last of the round, so that its end state is defined. Without ``interleave`` every
operation asks for the same, and none is sent after them, as it would put right what they did. What happened is noted
(:mod:`chaos.faults.duplicates_round` has the fields); a check judges it.
"""

from __future__ import annotations

import random
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

import anyio
from pydantic import Field

from chaos.faults.base import Blast, FaultArguments, FaultContext, FaultError, Needs, Undo
from chaos.faults.duplicates_round import Plan, Round
from chaos.faults.scaling_back import scale_back, undo_scaling
from chaos.targets.base import ControlRequests, Describe, Scale, need

__all__ = ["Duplicates", "DuplicatesArguments"]

OVERTIME_SECONDS = 45.0
"""How long rounds may still take when the time is over."""

Workers = Annotated[int, Field(ge=0, le=64)]


class DuplicatesArguments(FaultArguments):
    """What the fault takes in an experiment."""

    operation: Literal["scale"] = "scale"
    model: str = Field(min_length=1)
    workers: Workers = Field(description="the wanted number of workers")
    copies: int = Field(default=8, ge=2, le=64, description="identical operations started at once")
    rounds: int = Field(default=5, ge=1, le=100, description="spread evenly over the fault's seconds")
    start: Workers | None = Field(
        default=None,
        description="workers that a round begins with; as before the fault, or one off the wanted",
    )
    interleave: tuple[Workers, ...] = Field(default=(), description="other numbers, one a round in turn")
    lost_answers: float = Field(
        default=0.0, ge=0, le=1, description="share of the copies that lose their answer"
    )
    lost: Literal["answered", "early"] = "answered"
    reorder: bool = Field(default=False, description="let go in an order drawn from the seed")
    settle: float = Field(default=10.0, gt=0, le=20, description="seconds in which a round comes to rest")


class Duplicates:
    """Sends an operation many times at once, and sees what state that ends in."""

    Arguments: ClassVar[type[FaultArguments]] = DuplicatesArguments
    needs: ClassVar[Needs] = Needs(capabilities=(Scale, Describe, ControlRequests))

    def __init__(self, arguments: DuplicatesArguments) -> None:
        self.arguments = arguments
        self._context: FaultContext
        self._first: Round
        self._random = random.Random()
        self._start = 0

    async def inject(self, context: FaultContext) -> None:
        """State what will be scaled, and run the first race; it is in force when all of it is answered."""
        self._context, self._random = context, random.Random(context.seed)
        arguments, target = self.arguments, context.target
        before = (await need(target, Describe).describe(arguments.model)).desired
        self._start = _start(arguments, before)
        least = min(arguments.workers, before, self._start, *arguments.interleave)
        url = need(target, ControlRequests).control_request("scale", arguments.model, arguments.workers).url
        what = f"model '{arguments.model}' of {target.url}: scaled to {arguments.workers} by {arguments.copies} at once"
        blast = Blast((what,), hosts=(urlsplit(url).hostname or "",), replicas=before - least, of=before)
        await context.intend(blast, undo_scaling(target, arguments.model, before))
        self._first = self._round(1)
        await self._first.race(begin=self._start != before)

    async def hold(self, seconds: float) -> None:
        """The other rounds, evenly over the time; those that are late are done all the same."""
        rounds, began = self.arguments.rounds, anyio.current_time()
        done = restless = 0
        with anyio.move_on_after(seconds + OVERTIME_SECONDS):
            for number in range(1, rounds + 1):
                one = self._first
                if number > 1:
                    await anyio.sleep_until(began + (number - 1) * seconds / rounds)
                    if restless and anyio.current_time() >= began + seconds:
                        break  # that is evidence, and took the time of the others
                    one = self._round(number)
                    await one.race(begin=True)
                restless += not await one.rest()
                done = number
            await anyio.sleep_until(began + seconds)
        if done < rounds and not restless:
            raise FaultError(
                f"duplicates on model '{self.arguments.model}': only {done} of {rounds} rounds were done "
                f"{OVERTIME_SECONDS:g} s after the end of the fault (fewer rounds, or a longer fault)"
            )

    @staticmethod
    async def revert(undo: Undo) -> str:
        """Scale back to the number of workers there was before."""
        return await scale_back(undo)

    def _round(self, number: int) -> Round:
        """What the seed makes of it."""
        arguments, others = self.arguments, self.arguments.interleave
        order: list[int | None] = list(range(arguments.copies))
        if others:
            order.insert(arguments.copies // 2, None)
        if arguments.reorder:
            self._random.shuffle(order)
        first, *rest = [copy for copy in order if copy is not None]
        lost = round(arguments.lost_answers * arguments.copies)
        losing = {first, *self._random.sample(rest, lost - 1)} if lost else set()
        plan = Plan(
            operation=arguments.operation,
            model=arguments.model,
            number=number,
            workers=arguments.workers,
            start=self._start,
            other=others[(number - 1) % len(others)] if others else None,
            order=tuple(order),
            losing=frozenset(losing),
            loss=arguments.lost,
            settle=arguments.settle,
        )
        return Round(plan, self._context.target, self._context.note)


def _start(arguments: DuplicatesArguments, before: int) -> int:
    """The number of workers that rounds begin with."""
    if arguments.start is not None:
        return arguments.start
    if before != arguments.workers:
        return before
    return before - 1 if before > 1 else before + 1  # without taking the last one away
