"""The program: what its operations were answered, and what stood after them, is what it must be."""

from __future__ import annotations

import builtins
from typing import Literal

from chaos.checks.base import Check
from chaos.checks.evidence import Evidence
from chaos.checks.results import CannotTellError, CheckResult
from chaos.operations.checks.judging import CHECKS
from chaos.sla.results import Verdict, worst

__all__ = ["ProgramCheck", "Property"]

Property = Literal[
    "",
    "model",
    "linearizability",
    "rollback",
    "drain",
    "idempotence",
    "convergence",
    "release",
    "isolation",
]


class ProgramCheck(Check):
    """``property``: one of those of :mod:`chaos.operations.checks`; all of them if it is blank."""

    check: Literal["program"]
    property: Property = ""

    @builtins.property  # the field has the name of it
    def name(self) -> str:
        """With the property."""
        return f"program {self.property}".strip()

    def judge(self, evidence: Evidence) -> CheckResult:
        """The estimate is the number of violations; n that of operations."""
        record = evidence.recording.program
        if record is None:
            raise CannotTellError("no operation of a program was run")
        if record.cut:
            raise CannotTellError("the program was cut short")
        violations = [
            violation
            for check in CHECKS
            if self.property in ("", check.name)
            for violation in check.check(record)
        ]
        if not violations and not any(seen.when == "clean" for seen in record.seen):
            raise CannotTellError("the program did not run to its end")
        verdict = worst([Verdict.PASS, *(violation.verdict for violation in violations)])
        said = [violation.words for violation in violations if violation.verdict is verdict]
        more = f", and {len(said) - 1} more" if len(said) > 1 else ""
        reason = said[0] + more if said else f"{len(record.calls)} operations, and nothing is wrong with them"
        failed = sum(violation.verdict is Verdict.FAIL for violation in violations)
        return self.result(verdict, reason, estimate=failed, limit=0, n=len(record.calls))
