"""Whether calls that overlap in time could have been made one after another: a search for an order that explains them.

J. M. Wing and C. Gong, "Testing and verifying concurrent objects" (1993), with the memory of configurations of G. Lowe,
"Testing for linearizability" (2017): calls are taken one by one from those that have begun before any other has ended,
and a set of calls that leads to a state that it has led to before is not tried again. Calls of which nobody knows
whether they took effect may be taken at any time after they began, or never.

The problem is NP-complete. What is not decided within the budget is ``unknown``; whoever calls it cuts the history into
parts that do not depend on each other (M. Herlihy, J. Wing: linearizability is local), such as one for each object.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

from chaos.sla.results import Verdict

__all__ = ["Budget", "Call", "Found", "Sequential", "linearizable"]

CHECK_EVERY = 1024
"""So many configurations between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an object: what it was asked and what it answered, as its :class:`Sequential` has them.

    ``start`` and ``end`` are instants of one clock. ``end`` is infinite if nobody knows how it ended: it may have taken
    effect at any time since, or never, and its ``answer`` is not looked at.
    """

    asked: Any
    answer: Any
    start: float
    end: float = inf

    @property
    def known(self) -> bool:
        """Whether it is known how it ended."""
        return self.end < inf


class Sequential(Protocol):
    """What an object does for one who calls it alone. States are hashable."""

    def initial(self) -> Hashable:
        """The state before the first call."""

    def step(self, state: Hashable, call: Call) -> Iterable[Hashable]:
        """The states that there may be after a call; none if it could not have been answered so in this state.

        Of a call whose end is not known: the states if it took effect.
        """


@dataclass(frozen=True, slots=True)
class Budget:
    """What a search may take: ``seconds``, and so many ``configurations`` to be remembered, of a few hundred bytes."""

    seconds: float = 10.0
    configurations: int = 2_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """What the search found. ``order`` are the numbers of calls: with ``pass`` in an order that explains them all, else
    in the longest that explains those in it, after which none of those ``stuck`` can come. ``unknown`` has a
    ``reason``.
    """

    verdict: Verdict
    order: tuple[int, ...]
    stuck: tuple[int, ...] = ()
    configurations: int = 0
    reason: str = ""


def linearizable(
    calls: Sequence[Call],
    sequential: Sequential,
    budget: Budget | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Search for an order of the calls that respects theirs in time and that ``sequential`` could have answered so.

    A call that ended before another began comes before it; where the instants are equal they overlap.
    """
    return _Search(calls, sequential, budget or Budget(), clock).run()


class _Search:
    """The entries of the history, calls and returns, are a list linked both ways, from which calls are lifted."""

    def __init__(
        self, calls: Sequence[Call], sequential: Sequential, budget: Budget, clock: Callable[[], float]
    ) -> None:
        self._calls = calls
        self._step = sequential.step
        self._budget = budget
        self._clock = clock
        self._state: Hashable = sequential.initial()
        count = len(calls)
        # at the same instant calls come before returns: then they overlap
        entries = sorted(
            [(call.start, 0, number) for number, call in enumerate(calls)]
            + [(call.end, 1, number) for number, call in enumerate(calls) if call.known]
        )
        self._entries = [(number, kind == 1) for _, kind, number in entries]
        # links are by place in the list, from 1; 0 is its head, and its end
        size = len(entries) + 1
        self._next = [*range(1, size), 0]
        self._previous = [size - 1, *range(size - 1)]
        self._call_at, self._return_at = [0] * count, [0] * count
        for place, (number, returns) in enumerate(self._entries, start=1):
            (self._return_at if returns else self._call_at)[number] = place

    def run(self) -> Found:
        """Go on until all calls whose end is known are taken, none can be, or the budget is spent."""
        left = sum(call.known for call in self._calls)
        taken = 0
        seen: set[tuple[int, Hashable]] = set()
        stack: list[tuple[int, Hashable, Iterator[Hashable]]] = []
        longest: tuple[int, ...] = ()
        deadline = self._clock() + self._budget.seconds
        place = self._next[0]
        while left:
            number, returns = self._entries[place - 1]
            if returns:
                # one that was not taken has ended here: what was taken last cannot stand
                if len(stack) > len(longest):
                    longest = tuple(each for each, _, _ in stack)
                if not stack:
                    return self._found(Verdict.FAIL, longest, len(seen))
                number, self._state, others = stack.pop()
                taken ^= 1 << number
                left += self._calls[number].known
                self._put_back(number)
                place = self._call_at[number]
            else:
                others = self._after(number)
            now = taken | 1 << number
            for after in others:
                if (now, after) not in seen:
                    break
            else:
                place = self._next[place]
                continue
            seen.add((now, after))
            if spent := self._spent(len(seen), deadline):
                return self._found(Verdict.UNKNOWN, longest, len(seen), spent)
            stack.append((number, self._state, others))
            taken, self._state = now, after
            left -= self._calls[number].known
            self._lift(number)
            place = self._next[0]
        return self._found(Verdict.PASS, tuple(each for each, _, _ in stack), len(seen))

    def _after(self, number: int) -> Iterator[Hashable]:
        """The states after a call, if it comes now; one of unknown end that changes nothing need not come at all."""
        call, state = self._calls[number], self._state
        return (after for after in self._step(state, call) if call.known or after != state)

    def _lift(self, number: int) -> None:
        for place in (self._call_at[number], self._return_at[number]):
            if place:
                before, after = self._previous[place], self._next[place]
                self._next[before], self._previous[after] = after, before

    def _put_back(self, number: int) -> None:
        """The reverse of lifting, in reverse order."""
        for place in (self._return_at[number], self._call_at[number]):
            if place:
                before, after = self._previous[place], self._next[place]
                self._next[before] = self._previous[after] = place

    def _spent(self, configurations: int, deadline: float) -> str:
        if configurations > self._budget.configurations:
            return f"no order was found among {self._budget.configurations} configurations"
        if configurations % CHECK_EVERY == 0 and self._clock() > deadline:
            return f"no order was found within {self._budget.seconds:g} s"
        return ""

    def _found(
        self, verdict: Verdict, order: tuple[int, ...], configurations: int, reason: str = ""
    ) -> Found:
        return Found(
            verdict, order, self._stuck(order) if verdict is Verdict.FAIL else (), configurations, reason
        )

    def _stuck(self, order: tuple[int, ...]) -> tuple[int, ...]:
        """The calls that could have come next by their instants."""
        rest = [number for number in range(len(self._calls)) if number not in set(order)]
        first = min((self._calls[number].end for number in rest), default=inf)
        return tuple(number for number in rest if self._calls[number].start <= first)
