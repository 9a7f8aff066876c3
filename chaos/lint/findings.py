"""What linting yields: findings, each with its place, the problem and the remedy.

A finding is data; who shows it decides how.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ValidationError

from chaos.documents import misfits
from chaos.errors import DocumentError

__all__ = ["Finding", "Report"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of one document. An ``error`` would make a run fail or mean something else than was written."""

    place: str
    problem: str
    remedy: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """One line."""
        return f"{self.place}: {self.problem}" + (f" ({self.remedy})" if self.remedy else "")


class Report:
    """Collects the findings of one file; places are fields of it, such as ``method.0.provider``."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.findings: list[Finding] = []

    def error(self, field: str, problem: str, remedy: str) -> None:
        """Something that has to be mended."""
        self.findings.append(Finding(self._place(field), problem, remedy))

    def warning(self, field: str, problem: str, remedy: str) -> None:
        """Something that is probably not what was meant."""
        self.findings.append(Finding(self._place(field), problem, remedy, "warning"))

    def broken(self, error: DocumentError) -> None:
        """A document, this one or one that it names, that cannot be read."""
        self.findings.append(Finding(error.place, error.problem, error.remedy))

    def misfit(self, field: str, error: ValidationError, model: type[BaseModel]) -> None:
        """All fields that do not fit a model; what only a run can fill in is left to it."""
        for found in misfits(error, model):
            if "${" in str(found.given) and isinstance(found.given, str):
                continue
            self.error(".".join(part for part in (field, found.field) if part), found.problem, found.remedy)

    def _place(self, field: str) -> str:
        return f"{self.path}: {field}" if field else self.path
