"""All checks over one record."""

from __future__ import annotations

from collections.abc import Sequence

from chaos.operations.checks.answers import Answers
from chaos.operations.checks.base import Check, Violation
from chaos.operations.checks.ends import Convergence, Idempotence, Rollback
from chaos.operations.checks.grace import Grace
from chaos.operations.checks.left import Isolation, Release
from chaos.operations.checks.order import Order
from chaos.operations.record import ProgramRecord

__all__ = ["CHECKS", "judge"]

CHECKS: tuple[Check, ...] = (
    Answers(), Order(), Rollback(), Grace(), Idempotence(), Convergence(), Release(), Isolation(),
)  # fmt: skip
"""In the order in which the first that fails names a program."""


def judge(record: ProgramRecord, checks: Sequence[Check] = CHECKS) -> list[Violation]:
    """What the checks find, in their order."""
    return [violation for check in checks for violation in check.check(record)]
