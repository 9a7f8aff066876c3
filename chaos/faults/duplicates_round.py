"""One round of duplicates: its operations, the rest that the model comes to after them, and the notes about both.

Each operation is noted at its end, ``about: "operation"``:

    operation, model, workers   what was asked for
    outcome, status             ``ok``, ``fail`` or ``info``; the HTTP status, 0 without an answer
    start, end, spread          seconds of the monotonic clock; the seconds in which its race was let go
    round, copy                 from 1; from 0, None for one that is no copy
    part                        ``first`` (to where a round begins), ``copy``, ``again`` (after its answer was lost),
                                ``other`` (the different one), ``last``
    lost, detail                whether its answer was let go on purpose; why there is none, in words

and each round when the model has come to rest, or the time for it has passed, ``about: "round"``:

    model, round, wanted        the number of workers that the round is to end with
    spread                      of its race, in seconds; one above a millisecond was run again
    acceptable, answers         whether every answer is 2xx, 409, or a 4xx that speaks of another operation in progress;
                                statuses and their counts, ``none`` for no answer that was not let go on purpose
    described, processes        desired, workers and pids as the target says; the replica processes that live, or None
    settled_in                  seconds from the last answer to rest; None if it did not come to it, which it must also
                                after the first operation, and before the last one at either number
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from chaos.faults.base import FaultError
from chaos.faults.race import Attempt, Entry, race
from chaos.faults.settling import Seen, settle
from chaos.targets.base import ControlRequests, Target, need

__all__ = ["Plan", "Round"]

SPREAD_SECONDS = 0.001
"""Within this all operations of a race are started."""
TRIES = 3
ANSWER_SECONDS = 25.0

_IN_PROGRESS = re.compile(rb"progress|concurrent|conflict|busy|locked|pending", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in a round.

    ``order`` has the copies' numbers as they start, None for the different operation, which asks for ``other`` workers;
    ``losing`` are the copies that lose their answer, ``settle`` the seconds for coming to rest.
    """

    operation: str
    model: str
    number: int
    workers: int
    start: int
    other: int | None
    order: tuple[int | None, ...]
    losing: frozenset[int]
    loss: Literal["answered", "early"]
    settle: float


@dataclass(frozen=True, slots=True)
class _Sent:
    """One operation: which part it has, and what it asks for."""

    part: str
    workers: int
    copy: int | None = None


class Round:
    """Runs a plan against a target; ``note`` takes what happened."""

    def __init__(self, plan: Plan, target: Target, note: Callable[..., None]) -> None:
        self._plan = plan
        self._target = target
        self._note = note
        self._attempts: list[Attempt] = []
        self._rests: list[Seen] = []
        self._spread = 0.0

    async def race(self, *, begin: bool) -> None:
        """All operations but the last, at once, again if they were not; return when they are answered.

        :param begin: whether the model has to be brought to ``start`` before
        :raises FaultError: if they could not be started, or not at once
        """
        plan = self._plan
        if begin:
            await self._send([_Sent("first", plan.start)])
            await self._settle(plan.start)
        operations = [
            _Sent("copy", plan.workers, copy) if copy is not None else _Sent("other", plan.other or 0)
            for copy in plan.order
        ]
        what = f"duplicates on model '{plan.model}', round {plan.number}: the {len(operations)} operations"
        for _ in range(TRIES):
            attempts = await self._send(operations)
            unsent = next((one for one in attempts if not one.again and one.never_sent), None)
            if unsent is not None:
                raise FaultError(f"{what} were not all sent: {unsent.detail}")
            self._spread = max(attempt.spread for attempt in attempts)
            if self._spread <= SPREAD_SECONDS:
                return
        raise FaultError(
            f"{what} were not simultaneous: spread {self._spread * 1000:.1f} ms at try {TRIES} of {TRIES} "
            "(is the machine overloaded? fewer copies start closer together)"
        )

    async def rest(self) -> bool:
        """Send the last operation, if there is one; see the model come to rest, and note the round.

        :return: whether it came to rest whenever it had to
        """
        plan = self._plan
        if plan.other is None:
            await self._settle(plan.workers)
        else:
            await self._settle(plan.workers, plan.other)
            await self._send([_Sent("last", plan.workers)])
            await self._settle(plan.workers)
        seen = next((rest for rest in self._rests if rest.settled_in is None), self._rests[-1])
        kept = [attempt for attempt in self._attempts if not attempt.lost]
        self._note(
            about="round",
            model=plan.model,
            round=plan.number,
            wanted=plan.workers,
            spread=self._spread,
            acceptable=all(map(_acceptable, kept)),
            answers=dict(Counter(str(attempt.status or "none") for attempt in kept)),
            described=seen.described,
            processes=seen.processes,
            settled_in=seen.settled_in,
        )
        return seen.settled_in is not None

    async def _settle(self, *wanted: int) -> None:
        self._rests.append(await settle(self._target, self._plan.model, wanted, self._plan.settle))

    async def _send(self, operations: list[_Sent]) -> list[Attempt]:
        """Start these at once; each is noted as it ends."""
        plan, control = self._plan, need(self._target, ControlRequests)
        entries = [
            Entry(
                control.control_request(plan.operation, plan.model, sent.workers),
                plan.loss if sent.copy in plan.losing else "",
            )
            for sent in operations
        ]

        def ended(attempt: Attempt) -> None:
            sent = operations[attempt.index]
            self._attempts.append(attempt)
            self._note(
                about="operation",
                at=attempt.end,
                operation=plan.operation,
                model=plan.model,
                workers=sent.workers,
                round=plan.number,
                part="again" if attempt.again else sent.part,
                copy=sent.copy,
                outcome=attempt.outcome,
                status=attempt.status,
                start=attempt.start,
                end=attempt.end,
                spread=attempt.spread,
                lost=attempt.lost,
                detail=attempt.detail,
            )

        return await race(entries, ANSWER_SECONDS, ended)


def _acceptable(attempt: Attempt) -> bool:
    """Whether it is an answer that a duplicate may get."""
    if attempt.status == 409 or 200 <= attempt.status < 300:
        return True
    return 400 <= attempt.status < 500 and _IN_PROGRESS.search(attempt.body) is not None
