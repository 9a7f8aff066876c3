"""Verifies a target: programs are drawn and run against it until one fails, which is then made as small as it gets.

The history (:mod:`chaos.history`) says what :mod:`chaos.reporting.verify` needs: ``verify`` first, an ``example`` for
each program that was drawn, all events of each run that failed with what was ``judged`` of it, and the ``failure``.
"""

from __future__ import annotations

import concurrent.futures
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import psutil

from chaos import __version__
from chaos.errors import ChaosError
from chaos.history import HistoryWriter
from chaos.operations.confirming import Tried, confirm, failed_checks
from chaos.operations.coverage import points_of
from chaos.operations.drawing import draw
from chaos.operations.program import Program
from chaos.reporting.terminal import View
from chaos.sla.results import Verdict
from chaos.targets.options import redacted
from chaos.verify.asked import Verification
from chaos.verify.attempting import Attempts, UnwellError
from chaos.verify.counterexample import write_counterexample

__all__ = ["Verifying"]

MEMORY_EVERY = 20
"""Examples between two looks at the harness's own memory."""


class _BrokenOff(BaseException):
    """No failure of the program: Hypothesis is to let it pass, as it does what is no ``Exception``."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Verifying:
    """One verification under way."""

    def __init__(self, asked: Verification, view: View) -> None:
        self._asked = asked
        self._view = view
        self._examples = 0

    async def run(self) -> None:
        """Draw and run; what was found by then is in the history, also if it is cancelled.

        :raises ChaosError: if the target cannot be opened, or lacks what every program needs
        """
        self._history = HistoryWriter(self._asked.place.directory)
        self._attempts = Attempts(self._asked, self._history, self._problem)
        began = time.monotonic()
        self._begin()
        ended = "cut short"
        try:
            async with AsyncExitStack() as stack:
                await self._attempts.open(stack)
                found = await self._search()
                if found is not None:
                    await self._confirm(found)
            ended = "completed"
        except ChaosError as error:
            ended = str(error)
            raise
        finally:
            self._write("verified", seconds=time.monotonic() - began, ended=ended)
            self._history.close()

    def _begin(self) -> None:
        asked = self._asked
        self._write(
            "verify",
            run_id=asked.run_id,
            target=redacted(asked.place.url),
            defects=list(asked.place.defects),
            seed=asked.drawn.seed,
            profile=asked.profile,
            examples=asked.drawn.examples,
            steps=asked.drawn.steps,
            faults=list(asked.faults),
            checks=[check.name for check in asked.checks],
            version=__version__,
            wall=time.time(),
            replay=asked.replay,
        )

    async def _search(self) -> Program | None:
        """The first program that fails. Hypothesis draws in a thread, and each program is run in this loop."""
        asked = self._asked
        if asked.program is not None:
            return asked.program if await self._example(asked.program) else None
        own = {"abilities": self._attempts.abilities, "faults": asked.faults}
        machine = type(asked.machine.__name__, (asked.machine,), own)

        def once(program: Program) -> str:
            try:
                return anyio.from_thread.run(self._example, program)
            except (ChaosError, concurrent.futures.CancelledError) as error:
                raise _BrokenOff(error) from None

        try:
            return await anyio.to_thread.run_sync(draw, machine, once, asked.drawn, asked.database)
        except _BrokenOff as broken:
            await anyio.lowlevel.checkpoint()  # where it was cancelled
            raise broken.error from None

    async def _example(self, program: Program) -> str:
        """A program that was drawn; what is wrong with it, in a word or two."""
        self._examples += 1
        began = time.monotonic()
        unwell: UnwellError | None = None
        try:
            tried = await self._attempts.run(program)
        except UnwellError as error:
            tried, unwell = error.tried, error
        failed = failed_checks(tried.violations)
        self._write(
            "example",
            number=self._examples,
            size=program.size,
            seconds=time.monotonic() - began,
            operations=len(tried.record.calls),
            failed=failed,
            unknown=[each.words for each in tried.violations if each.verdict is Verdict.UNKNOWN],
            points=[[*point, times] for point, times in points_of(tried.record).items()],
        )
        if self._examples % MEMORY_EVERY == 1:
            self._write("memory", rss=psutil.Process().memory_info().rss, examples=self._examples)
        if failed:
            self._first = tried, self._attempts.count
        if unwell is not None:
            self._confirming(program)
            raise unwell
        return ", ".join(failed)

    def _confirming(self, found: Program) -> str:
        """Write down a program as it was found, so that it is kept whatever comes; the check it failed in."""
        first, _ = self._first
        check = failed_checks(first.violations)[0]
        name = self._counterexample(found, check, first)
        self._write("confirming", check=check, program=found.document(), counterexample=name)
        return check

    async def _confirm(self, found: Program) -> None:
        """See whether it comes again, make it smaller, and write that down."""
        first, number = self._first
        check = self._confirming(found)
        last, runs = number, 0

        async def attempt(program: Program, quick: bool = False) -> Tried:
            nonlocal last, runs
            tried = await self._attempts.run(program, quick)
            if check in failed_checks(tried.violations):
                last = self._attempts.count
            runs += 1
            self._write("shrinking", runs=runs, size=program.size)
            return tried

        failure = await confirm(found, first, attempt, partial(attempt, quick=True), self._asked.shrink)
        if failure.last is first:
            last = number
        self._write(
            "failure",
            check=failure.check,
            program=failure.program.document(),
            smallest=failure.smallest.document(),
            again=[failure.again.count, failure.again.n],
            rate=[failure.rate.count, failure.rate.n],
            runs=failure.runs,
            whole=failure.whole,
            first=number,
            last=last,
            counterexample=self._counterexample(failure.smallest, failure.check, failure.last),
        )

    def _counterexample(self, program: Program, check: str, tried: Tried) -> str:
        asked = self._asked
        words = next(each.words for each in tried.violations if each.check == check)
        return write_counterexample(
            asked.place.directory, program, check, words, asked.place, asked.run_id
        ).name

    def _write(self, kind: str, **values: Any) -> None:
        self._view.event(self._history.append(kind, **values))

    def _problem(self, text: str) -> None:
        self._write("problem", text=text)

    _first: tuple[Tried, int]
