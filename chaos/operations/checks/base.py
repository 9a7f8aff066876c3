"""What a check is, and what it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from chaos.operations.record import ProgramRecord
from chaos.sla.results import Verdict

__all__ = ["Check", "Violation"]


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be: ``check`` found it, at a ``step`` (-1: at the end) and in the ``calls`` of these
    numbers. With the verdict ``unknown`` it could not be told whether it is one."""

    check: str
    words: str
    step: int = -1
    calls: tuple[int, ...] = ()
    verdict: Verdict = Verdict.FAIL

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "check": self.check,
            "words": self.words,
            "step": self.step,
            "calls": list(self.calls),
            "verdict": self.verdict.value,
        }


class Check(Protocol):
    """A property of programs, by its name."""

    name: str

    def check(self, record: ProgramRecord) -> Iterable[Violation]:
        """All that must not be; nothing is good."""
