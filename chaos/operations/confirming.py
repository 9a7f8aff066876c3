"""A failure is believed when it comes again: how often it does, and the smallest program that fails about as often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chaos.operations.checks.base import Violation
from chaos.operations.program import Program
from chaos.operations.record import ProgramRecord
from chaos.operations.shrinking import Shrunk, renamed, shrink
from chaos.sla.rates import Rate
from chaos.sla.results import Verdict

__all__ = ["RUNS", "Failure", "Tried", "confirm", "failed_checks"]

REPEATS = 5
"""How often a program that failed is run again, before it is made smaller and after."""
RUNS = 400
"""How many runs making it smaller takes at the most, unless it is told."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One run of a program, and what was found in it."""

    record: ProgramRecord
    violations: Sequence[Violation]


@dataclass(frozen=True, slots=True)
class Failure:
    """A program that failed in ``check``. ``first`` is the run in which it was found, ``last`` the latest that failed.

    ``again`` of the program as it was found; ``rate`` of the ``smallest``. Where it did not come again ``smallest``
    is the program as it was found.
    """

    check: str
    program: Program
    first: Tried
    again: Rate
    smallest: Program
    rate: Rate
    last: Tried
    runs: int
    whole: bool

    @property
    def reproduced(self) -> bool:
        """Whether it ever came again."""
        return self.again.count > 0


def failed_checks(violations: Sequence[Violation]) -> list[str]:
    """The names of the checks that failed, in their order."""
    return list(dict.fromkeys(each.check for each in violations if each.verdict is Verdict.FAIL))


async def confirm(
    program: Program,
    first: Tried,
    attempt: Callable[[Program], Awaitable[Tried]],
    quick: Callable[[Program], Awaitable[Tried]] | None = None,
    runs: int = RUNS,
) -> Failure:
    """Run it again, make it smaller, and run what is left again; if it does not fail then, it was not that.

    :param first: the run that failed
    :param attempt: runs a program once
    :param quick: the same, waiting no longer than it must, until the smallest is known; the last runs have all the time
    :param runs: how many runs making it smaller may take; with 0 it stays as it was found
    """
    check = failed_checks(first.violations)[0]
    last = first

    async def fails(candidate: Program, run: Callable[[Program], Awaitable[Tried]] = attempt) -> bool:
        nonlocal last
        tried = await run(candidate)
        if check in failed_checks(tried.violations):
            last = tried
            return True
        return False

    def fails_soon(candidate: Program) -> Awaitable[bool]:
        return fails(candidate, quick or attempt)

    again = await _rate(program, fails_soon)
    if not again.count:
        return Failure(check, program, first, again, program, again, first, 0, False)
    if not runs:
        return Failure(check, program, first, again, program, again, last, 0, False)
    shrunk: Shrunk = await shrink(program, fails_soon, again.count / again.n, runs)
    smallest = program if shrunk.program == program else renamed(shrunk.program)
    rate = await _rate(smallest, fails)
    if not rate.count:  # it was too small, and failed for want of time
        return Failure(check, program, first, again, program, again, first, shrunk.runs, False)
    return Failure(check, program, first, again, smallest, rate, last, shrunk.runs, shrunk.whole)


async def _rate(program: Program, fails: Callable[[Program], Awaitable[bool]]) -> Rate:
    return Rate(sum([await fails(program) for _ in range(REPEATS)]), REPEATS)
