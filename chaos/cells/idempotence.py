"""How J is measured: the same operation several times, in rounds of three kinds, and the state that each ends in.

``simultaneous``: copies started at once (:mod:`chaos.faults.race`); ``sequence``: one after another, each answered
before the next is sent; ``lost``: copies started at once, of which some lose their answer and are sent again. A round
begins with a single operation where it takes one to get there, which is judged as well (``alone``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from chaos.cells.bench import Bench
from chaos.cells.rollback_case import told
from chaos.cells.standing import at_rest, known, removed
from chaos.faults.duplicates_round import SPREAD_SECONDS
from chaos.faults.race import Entry, Loss, race
from chaos.properties.standing import State, as_asked
from chaos.targets.base import ControlRequests, Describe, Register, Scale, need
from chaos.traffic.spec import HttpRequest

__all__ = ["IdempotenceProcedure"]

PACKAGE = "sleep"
KINDS = ("simultaneous", "sequence", "lost")
WORKERS = 2
MOST_WORKERS = 4


class IdempotenceProcedure:
    """Rounds, as many of each kind as ``rounds`` says, in turn; those that were not simultaneous are run once more.

    Notes ``round``: ``operation``, ``sort`` (of round), ``round`` (from 1), ``model``, ``wanted`` (workers that it is
    to have; 0: it is to be gone), ``spread`` (seconds in which its operations were started; 0 for those in sequence),
    ``at_once`` (whether that was within a millisecond), ``answers`` (as :mod:`chaos.cells.rollback_case` has them, with
    ``again``: the second sending of one whose answer was lost), ``before`` and ``after`` (states, see
    :mod:`chaos.properties.standing`), ``rest`` (seconds from the last answer to rest as it must be, or null).

    After a round that does not come to rest, or is not answered, there is no other: it would begin with what that left.
    """

    code = "J"
    together = False
    defaults: Mapping[str, float] = {
        "rounds": 4,
        "copies": 6,
        "answer_seconds": 15.0,
        "rest_seconds": 8.0,
    }

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """All rounds of the API."""
        (api,) = apis
        for capability in (Register, Describe, ControlRequests, *((Scale,) if api == "scale" else ())):
            need(bench.target, capability)
        rounds = _Rounds(bench, api)
        if api == "scale":
            async with bench.serving(PACKAGE, WORKERS, "scaled") as model:
                await rounds.scalings(model)
        elif api == "register":
            await rounds.registrations()
        else:
            await rounds.leavings()


class _Rounds:
    """The rounds of one cell."""

    def __init__(self, bench: Bench, operation: str) -> None:
        self._bench = bench
        self._operation = operation
        self._control = need(bench.target, ControlRequests)
        self._numbers = itertools.count(1)
        self._at_once = dict.fromkeys(KINDS, 0)

    async def scalings(self, model: str) -> None:
        """Between random numbers of workers, up and down in turn."""
        now = WORKERS
        for number, sort in enumerate(self._sorts()):
            low, high = sorted(self._bench.random.sample(range(1, MOST_WORKERS + 1), 2))
            start, wanted = (low, high) if number // len(KINDS) % 2 == 0 else (high, low)
            for one, workers in (("alone", start), (sort, wanted)):
                if (one != "alone" or workers != now) and not await self._round(one, model, workers):
                    return
            now = wanted

    async def registrations(self) -> None:
        """Of a new name each; what a single one leads to is what they are to end in."""
        async with self._bench.serving(PACKAGE, WORKERS, "single") as single:
            workers = (await need(self._bench.target, Describe).describe(single)).desired
        for sort in self._sorts():
            model = self._bench.model("twin")
            try:
                if not await self._round(sort, model, workers):
                    return
            finally:
                await self._remove(model)

    async def leavings(self) -> None:
        """Of a new model each."""
        for sort in self._sorts():
            model = self._bench.model("twin")
            before = await known(self._bench.target, self._bench.settings["rest_seconds"])
            try:
                await need(self._bench.target, Register).register(model, PACKAGE, WORKERS)
                if not await self._round(sort, model, 0, before):
                    return
            finally:
                await self._remove(model)

    def _sorts(self) -> Iterator[str]:
        """Each kind in turn, and then once more those that were not simultaneous, as far as there is patience."""
        rounds = int(self._bench.settings["rounds"])
        for _ in range(rounds):
            yield from KINDS
        for _ in range(rounds):
            yield from [sort for sort in KINDS if self._at_once[sort] < rounds]

    async def _round(self, sort: str, model: str, workers: int, before: State | None = None) -> bool:
        """Send them, see what that ends in, and note it; whether there can be another."""
        before = before or await known(self._bench.target, self._bench.settings["rest_seconds"])
        request = self._request(model, workers)
        seconds = self._bench.settings["answer_seconds"]
        copies = 1 if sort == "alone" else int(self._bench.settings["copies"])
        if sort == "sequence":
            attempts = [attempt for _ in range(copies) for attempt in await race([Entry(request)], seconds)]
            spread = 0.0
        else:
            entries = [Entry(request, loss) for loss in self._losses(sort, copies)]
            attempts = await race(entries, seconds)
            spread = max(attempt.spread for attempt in attempts)
        after, rest = await at_rest(
            self._bench.target,
            lambda state: as_asked(before, state, model, workers),
            self._bench.settings["rest_seconds"],
        )
        at_once = spread <= SPREAD_SECONDS
        if at_once and sort in self._at_once:
            self._at_once[sort] += 1
        self._bench.note(
            "round",
            operation=self._operation,
            sort=sort,
            round=next(self._numbers),
            model=model,
            wanted=workers,
            spread=spread,
            at_once=at_once,
            answers=[{**told(request, attempt), "again": attempt.again} for attempt in attempts],
            before=before,
            after=after,
            rest=rest,
        )
        answered = all(attempt.status or attempt.lost for attempt in attempts)
        return answered and rest is not None

    def _losses(self, sort: str, copies: int) -> list[Loss]:
        """Which copies lose their answer, and when: of half of them the first, which as a rule is the one that acts."""
        losses: list[Loss] = [""] * copies
        if sort == "lost" and copies > 1:
            losses[0] = "early"
            for copy in self._bench.random.sample(range(1, copies), copies // 2 - 1):
                losses[copy] = self._bench.random.choice(("early", "answered"))
        return losses

    def _request(self, model: str, workers: int) -> HttpRequest:
        package = PACKAGE if self._operation == "register" else ""
        return self._control.control_request(self._operation, model, workers, package)

    async def _remove(self, model: str) -> None:
        """Leave nothing of a model, as far as the target does it."""
        await removed(self._bench.target, model, self._bench.settings["rest_seconds"])
