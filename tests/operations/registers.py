"""Registers that are read, written, and compared and set: the objects that histories in the literature are of."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import permutations
from math import inf

from chaos.operations.linearizability import Call, Sequential

__all__ = ["Register", "brute_force"]


class Register:
    """Asked ``("read",)``, ``("write", value)`` or ``("cas", old, new)``; answers the value, None, or if it was set.
    Asked to ``("roll", value, value)`` it takes either."""

    def initial(self) -> Hashable:
        return 0

    def step(self, state: Hashable, call: Call) -> list[Hashable]:
        match call.asked:
            case ("read",):
                return [state] if not call.known or call.answer == state else []
            case ("write", value):
                return [value]
            case ("cas", old, new):
                did = state == old
                if call.known and call.answer != did:
                    return []
                return [new if did else state]
            case ("roll", *values):
                return [*values]
        raise AssertionError(call)


def brute_force(calls: Sequence[Call], sequential: Sequential) -> bool:
    """Whether any order of the calls, with or without those of unknown end, explains them and respects their times."""
    known = [number for number, call in enumerate(calls) if call.known]
    unknown = [number for number, call in enumerate(calls) if not call.known]
    for chosen in range(1 << len(unknown)):
        taken = known + [number for place, number in enumerate(unknown) if chosen >> place & 1]
        if any(_explains([calls[number] for number in order], sequential) for order in permutations(taken)):
            return True
    return False


def _explains(order: Sequence[Call], sequential: Sequential) -> bool:
    latest = -inf
    states: set[Hashable] = {sequential.initial()}
    for call in order:
        latest = max(latest, call.start)
        if call.end < latest:  # it ended before one began that comes before it
            return False
        states = {after for state in states for after in sequential.step(state, call)}
    return bool(states)
