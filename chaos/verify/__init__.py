"""``chaos verify``: programs are drawn and run against a target until one fails, which is made small and kept.

For rules and invariants of your own: :class:`~chaos.operations.machine.Programs` is the base of machines,
:class:`~chaos.operations.checks.base.Check` what an invariant is, and ``chaos_verify`` a pytest fixture that runs them.
"""

from chaos.operations.checks.base import Check, Violation
from chaos.operations.machine import Programs
from chaos.operations.program import Concurrent, Inject, Operation, Program, Quiesce, Revert
from chaos.operations.record import Done, ProgramRecord

__all__ = [
    "Check",
    "Concurrent",
    "Done",
    "Inject",
    "Operation",
    "Program",
    "ProgramRecord",
    "Programs",
    "Quiesce",
    "Revert",
    "Violation",
]
