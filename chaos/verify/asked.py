"""What is to be verified, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis.database import ExampleDatabase

from chaos.operations.checks.base import Check
from chaos.operations.checks.judging import CHECKS
from chaos.operations.confirming import RUNS
from chaos.operations.drawing import Drawn
from chaos.operations.machine import Programs
from chaos.operations.program import Program
from chaos.operations.running import Bounds
from chaos.session.house import Place

__all__ = ["Verification"]


@dataclass(frozen=True, slots=True)
class Verification:
    """One verification. ``machine`` has the rules by which programs are drawn; ``faults`` are the names of those that
    may be in them; ``shrink`` is how many runs making a failure smaller may take, ``replay`` the command that does it
    again."""

    run_id: str
    place: Place
    drawn: Drawn
    machine: type[Programs] = Programs
    checks: tuple[Check, ...] = CHECKS
    faults: tuple[str, ...] = ()
    database: ExampleDatabase | None = None
    bounds: Bounds = field(default_factory=Bounds)
    shrink: int = RUNS
    profile: str = ""
    replay: str = ""
    program: Program | None = None
    """This one instead of any that are drawn."""
