"""The checks that an experiment may declare: a pydantic union, told apart by ``check``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chaos.checks.end_state import EndState
from chaos.checks.executed_once import ExecutedOnce
from chaos.checks.oom import Oom
from chaos.checks.program import ProgramCheck
from chaos.checks.reconnects import Reconnects
from chaos.checks.spared import Spared
from chaos.checks.survivors import Survivors

__all__ = ["CheckDocument"]

CheckDocument = Annotated[
    EndState | Reconnects | ExecutedOnce | Oom | ProgramCheck | Spared | Survivors,
    Field(discriminator="check"),
]
"""A check as ``controls`` of an experiment name it, such as ``{"check": "oom", "model": "hungry"}``."""
