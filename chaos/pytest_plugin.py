"""For pytest: the fixture ``chaos_verify`` runs your programs, by your rules and invariants beside ours, in your tests.

It is there wherever this project is installed. ``--chaos-target`` and ``--chaos-examples`` are for the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from chaos.operations.checks.base import Check
    from chaos.operations.machine import Programs
    from chaos.reporting.verify.summary import VerifySummary

__all__ = ["Verify", "chaos_verify", "pytest_addoption"]

EXAMPLES, STEPS = 20, 10


@dataclass(frozen=True, slots=True)
class Verify:
    """Runs verifications for a test. ``test`` is its id; ``target`` and ``examples`` are those of the command line."""

    test: str
    directory: Path
    target: str
    examples: int
    numbers: count[int]

    def __call__(
        self,
        machine: type[Programs] | None = None,
        *,
        checks: Iterable[Check] = (),
        faults: Iterable[str] = (),
        defects: Iterable[str] = (),
        target: str = "",
        examples: int = 0,
        steps: int = STEPS,
        seed: int = 0,
    ) -> VerifySummary:
        """Draw programs by the rules of ``machine`` and run them; fail the test with the smallest one that fails.

        :param checks: invariants of yours; they are judged beside ours
        :param target: its URL; that of the command line if it is empty
        :param examples: how many programs; as the command line says if it is 0
        :return: what was run, if all passed
        :raises ChaosError: if the target cannot be opened, or lacks what every program needs
        """
        # what loads Hypothesis is loaded only by tests that ask for it
        from chaos.operations.checks.judging import CHECKS
        from chaos.operations.drawing import Drawn
        from chaos.operations.machine import Programs
        from chaos.reporting.verify.markdown import render_job_summary
        from chaos.session.house import Place
        from chaos.sla.results import Verdict
        from chaos.verify.asked import Verification
        from chaos.verify.whole import verified

        number = next(self.numbers)
        place = Place(target or self.target, tuple(defects), self.directory / f"verify-{number}")
        asked = Verification(
            f"{self.test.rpartition('::')[2]}-{number}",
            place,
            Drawn(examples or self.examples, steps, seed),
            machine=machine or Programs,
            checks=(*CHECKS, *checks),
            faults=tuple(faults),
            replay=f"pytest {self.test}",
        )
        summary = verified(asked)
        if summary.verdict is not Verdict.PASS:
            report = place.directory / "report.html"
            pytest.fail(f"{render_job_summary(summary, place.directory)}\n{report}", pytrace=False)
        return summary


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the command line says of all such tests."""
    group = parser.getgroup("chaos", "verification of a model-serving target")
    group.addoption(
        "--chaos-target", default="embedded", help="URL of the target that chaos_verify runs against"
    )
    group.addoption("--chaos-examples", type=int, default=EXAMPLES, help="programs that each test draws")


@pytest.fixture
def chaos_verify(request: pytest.FixtureRequest, tmp_path: Path) -> Verify:
    """Runs a verification, and fails the test if it does not pass; the report is in the test's ``tmp_path``."""
    option = request.config.getoption
    return Verify(
        request.node.nodeid, tmp_path, option("--chaos-target"), option("--chaos-examples"), count(1)
    )
