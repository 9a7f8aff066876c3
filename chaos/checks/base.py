"""What all checks share: they are documents that a user writes, and judge the evidence of a history."""

from __future__ import annotations

from abc import abstractmethod

from pydantic import BaseModel, ConfigDict

from chaos.checks.evidence import Evidence
from chaos.checks.results import CannotTellError, CheckResult
from chaos.sla.results import Verdict

__all__ = ["Check"]


class Check(BaseModel):
    """A property of the whole run, judged from evidence beside what clients saw. Objectives judge the latter."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    check: str

    @property
    def name(self) -> str:
        """What a report calls it: its kind, and what it is about."""
        return self.check

    @abstractmethod
    def judge(self, evidence: Evidence) -> CheckResult:
        """The verdict: a pure function of the evidence.

        :raises CannotTellError: if the history does not hold what it takes
        """

    def result(self, verdict: Verdict, reason: str, **numbers: float | str | None) -> CheckResult:
        """A result of this check."""
        return CheckResult(self.name, verdict, reason, **numbers)  # type: ignore[arg-type]

    def judged(self, evidence: Evidence) -> CheckResult:
        """The verdict, whatever happens: what cannot be told is ``unknown``, and so is a check that crashes."""
        try:
            return self.judge(evidence)
        except CannotTellError as error:
            return self.result(Verdict.UNKNOWN, str(error))
        except Exception as error:
            return self.result(Verdict.UNKNOWN, f"it was not judged: {error!r} (please report this)")
