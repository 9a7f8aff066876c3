"""For pytest: the fixture ``chaos_verify`` runs your programs, by your rules and invariants beside ours, in your tests;
``chaos_handler`` tests your handler packages.

They are there wherever this project is installed. ``--chaos-target`` and ``--chaos-examples`` are for the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chaos import __version__

if TYPE_CHECKING:
    from chaos.offline.results import InferenceTestResult
    from chaos.operations.checks.base import Check
    from chaos.operations.machine import Programs
    from chaos.reporting.verify.summary import VerifySummary

__all__ = ["HandlerTest", "Verify", "chaos_handler", "chaos_verify", "pytest_addoption"]

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


@dataclass(frozen=True, slots=True)
class HandlerTest:
    """Tests handler packages for a test. ``test`` is its id."""

    test: str
    directory: Path
    numbers: count[int]

    def __call__(
        self,
        package: str | Path,
        payloads: str | Path = "",
        *,
        samples: Iterable[Any] = (),
        sound: bool = True,
        **options: Any,
    ) -> InferenceTestResult:
        """Test a package with a directory of samples, and fail the test if it is not sound.

        :param samples: others, as :class:`~chaos.offline.specs.InferenceTestSample` or its fields
        :param sound: False leaves what to make of the result to the test
        :param options: of :class:`~chaos.offline.testing.TestOptions`, such as ``fuzz=50, seed=1``
        :raises ChaosError: if there is no such package, or its samples cannot be read
        """
        from chaos.documents import validated
        from chaos.offline.specs import InferenceHandlerSpec
        from chaos.offline.testing import TestOptions, test_package
        from chaos.reporting.handler.write import write_reports

        place = self.directory / f"handler-{next(self.numbers)}"
        place.mkdir()
        asked = {
            "handler_name": Path(package).absolute().name or "handler",
            "packaged_model_path": str(package),
            "payload_samples_path": str(payloads),
            "test_data_samples": tuple(samples),
        }
        spec = validated(asked, InferenceHandlerSpec, "chaos_handler")
        result = test_package(spec, TestOptions(**options))
        result = result.model_copy(update={"version": __version__, "replay": f"pytest {self.test}"})
        _, report, _ = write_reports(place, result)
        if sound and not result.overall_success:
            wrong = [check for check in result.checks if check.verdict in ("fail", "unknown")]
            lines = [f"  {check.verdict} {check.name}: {check.words}" for check in wrong]
            pytest.fail(
                "\n".join([f"{package} is not sound", *lines, *result.errors, str(report)]), pytrace=False
            )
        return result


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


@pytest.fixture
def chaos_handler(request: pytest.FixtureRequest, tmp_path: Path) -> HandlerTest:
    """Tests a handler package, and fails the test if it is not sound; the report is in the test's ``tmp_path``."""
    return HandlerTest(request.node.nodeid, tmp_path, count(1))
