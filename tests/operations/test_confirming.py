"""A failure is believed when it comes again; how often is counted, and one that does not is kept all the same."""

from __future__ import annotations

import random
from collections.abc import Callable

import anyio
import pytest

from chaos.operations.checks.base import Violation
from chaos.operations.confirming import REPEATS, RUNS, Failure, Tried, confirm, failed_checks
from chaos.operations.program import Operation, Program
from chaos.sla.results import Verdict
from tests.operations.synthetic import Story

LIST = Operation(do="list")
SCALE = Operation(do="scale", model="a", workers=3)
PROGRAM = Program(steps=(LIST, Operation(do="register", model="a"), LIST, SCALE, LIST))
FIRST = Tried(Story("a").record(), [Violation("rollback", "as it was found")])


def confirmed(fails: Callable[[Program], str], runs: int = RUNS) -> Failure:
    """:param fails: the check that fails in a run, empty for none"""

    async def attempt(program: Program) -> Tried:
        check = fails(program)
        return Tried(Story("a").record(), [Violation(check, f"size {program.size}")] if check else [])

    return anyio.run(confirm, PROGRAM, FIRST, attempt, None, runs)


def scales(program: Program) -> bool:
    return any(operation.do == "scale" for _, _, operation in program.operations())


def test_one_that_comes_each_time_is_made_small() -> None:
    failure = confirmed(lambda program: "rollback" if scales(program) else "")

    assert failure.reproduced
    assert (
        (failure.again.count, failure.again.n) == (failure.rate.count, failure.rate.n) == (REPEATS, REPEATS)
    )
    assert [operation.do for _, _, operation in failure.smallest.operations()] == ["scale"]
    assert failure.whole
    assert failure.runs > 0
    assert failure.last.violations[0].words == "size 1"


def test_one_that_does_not_come_again_is_kept_as_it_was_found() -> None:
    failure = confirmed(lambda _: "")

    assert not failure.reproduced
    assert (failure.again.count, failure.again.n) == (0, REPEATS)
    assert failure.smallest == failure.program == PROGRAM
    assert failure.last is failure.first is FIRST
    assert failure.runs == 0


def test_one_that_is_not_to_be_made_smaller_is_counted_as_it_was_found() -> None:
    failure = confirmed(lambda program: "rollback" if scales(program) else "", runs=0)

    assert (failure.smallest, failure.runs, failure.whole) == (PROGRAM, 0, False)
    assert (failure.again.count, failure.rate.count) == (REPEATS, REPEATS)


def test_a_failure_of_another_check_is_another_failure() -> None:
    failure = confirmed(lambda program: "drain" if not scales(program) else "rollback")

    assert [operation.do for _, _, operation in failure.smallest.operations()] == ["scale"]


@pytest.mark.parametrize("seed", range(4))
def test_the_rate_is_counted(seed: int) -> None:
    generator = random.Random(seed)
    failure = confirmed(lambda p: "rollback" if scales(p) and generator.random() < 0.6 else "")

    assert 0 < failure.again.count <= REPEATS
    assert scales(failure.smallest)
    assert failure.rate.n == REPEATS


def test_what_cannot_be_told_is_no_failure() -> None:
    violations = [
        Violation("drain", "", verdict=Verdict.UNKNOWN),
        Violation("rollback", ""),
        Violation("rollback", ""),
    ]

    assert failed_checks(violations) == ["rollback"]
