"""For pytest: the fixture ``chaos_verify`` runs your programs, by your rules and invariants beside ours, in your tests.

It is there wherever this project is installed. ``--chaos-target`` and ``--chaos-examples`` are for the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from chaos.operations.checks.base import Check
    from chaos.operations.machine import Programs
    from chaos.reporting.verify.summary import VerifySummary

__all__ = ["Verify", "chaos_verify", "pytest_addoption"]

EXAMPLES, STEPS = 20, 10


class Verify(Protocol):
    """What the fixture is."""

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
        :return: what was run, if all passed
        """


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
    # what loads Hypothesis is loaded only by tests that ask for it
    from chaos.operations.checks.judging import CHECKS
    from chaos.operations.drawing import Drawn
    from chaos.operations.machine import Programs
    from chaos.reporting.verify.markdown import render_job_summary
    from chaos.session.house import Place
    from chaos.sla.results import Verdict
    from chaos.verify.asked import Verification
    from chaos.verify.whole import verified

    count = 0

    def run(
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
        nonlocal count
        count += 1
        directory = tmp_path / f"verify-{count}"
        url = target or request.config.getoption("--chaos-target")
        drawn = Drawn(examples or request.config.getoption("--chaos-examples"), steps, seed)
        summary = verified(
            Verification(
                f"{request.node.name}-{count}",
                Place(url, tuple(defects), directory),
                drawn,
                machine=machine or Programs,
                checks=(*CHECKS, *checks),
                faults=tuple(faults),
                replay=f"pytest {request.node.nodeid}",
            )
        )
        if summary.verdict is not Verdict.PASS:
            pytest.fail(
                f"{render_job_summary(summary, directory)}\n{directory / 'report.html'}", pytrace=False
            )
        return summary

    return run
