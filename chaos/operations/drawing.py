"""Drives Hypothesis: draws programs until one fails, those that failed before first.

Hypothesis asks twice of what failed, and would call it flaky if the answers differed; so a program that failed is not
run again for it. It does not shrink: shrinking here has to bear failures that come and go
(:mod:`chaos.operations.shrinking`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.database import ExampleDatabase
from hypothesis.reporting import with_reporter
from hypothesis.stateful import run_state_machine_as_test

from chaos.operations.lanes import as_text
from chaos.operations.machine import Programs
from chaos.operations.program import Program

__all__ = ["Drawn", "ProgramError", "draw"]


class ProgramError(Exception):
    """A program failed; ``program`` is it."""

    def __init__(self, program: Program, words: str) -> None:
        super().__init__(words)
        self.program = program


@dataclass(frozen=True, slots=True)
class Drawn:
    """How much is drawn: so many ``examples`` of up to ``steps`` steps, from a ``seed``."""

    examples: int
    steps: int
    seed: int


def draw(
    machine: type[Programs],
    run: Callable[[Program], str],
    drawn: Drawn,
    database: ExampleDatabase | None = None,
) -> Program | None:
    """The first program that fails; None if none does.

    :param run: runs a program and says what is wrong with it; empty is good
    """
    failed: dict[str, str] = {}

    def once(program: Program) -> None:
        text = as_text(program.document())
        words = failed.get(text) or run(program)
        if words:
            failed[text] = words
            raise ProgramError(program, words)

    bound = seed(drawn.seed)(type(machine.__name__, (machine,), {"run": staticmethod(once)}))
    asked = settings(
        max_examples=drawn.examples,
        stateful_step_count=drawn.steps,
        database=database,
        phases=(Phase.reuse, Phase.generate),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
    )
    with with_reporter(lambda _: None):
        try:
            run_state_machine_as_test(bound, settings=asked)
        except ProgramError as failure:
            return failure.program
    return None
