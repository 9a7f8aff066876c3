"""Only its own: of the requests to others, no more fail than were in flight on what the fault took away."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chaos.checks.base import Check
from chaos.checks.evidence import Evidence
from chaos.checks.results import CannotTellError, CheckResult
from chaos.history import Event
from chaos.sla.documents import ProbeDocument
from chaos.sla.results import Verdict, Window
from chaos.sla.samples import NONE, attribute
from chaos.traffic.spec import Outcome

__all__ = ["Spared"]


class Spared(Check):
    """While ``faults`` of that name last, at most ``at_most`` requests of ``probe`` fail for each death."""

    check: Literal["spared"]
    probe: str = Field(min_length=1)
    at_most: int = Field(default=1, ge=0, description="failed requests for each process that died")
    faults: str = Field(default="oom", min_length=1, description="the name of the fault")

    @property
    def name(self) -> str:
        """With the probe."""
        return f"spared {self.probe}"

    def judge(self, evidence: Evidence) -> CheckResult:
        """The estimate is the number of requests that failed; n that of all during the faults."""
        faults = evidence.faults(self.faults)
        ids = {fault.id for fault in faults}
        deaths = len({note["pid"] for note in evidence.notes if note["lease"] in ids and _died(note)})
        if not deaths:
            raise CannotTellError(f"nothing says that a process died of a fault '{self.faults}'")
        # From the intent on: a fault may be in force only after its first victim died.
        windows = [
            Window(
                "fault", fault.begun, evidence.recording.last if fault.reverted is None else fault.reverted
            )
            for fault in faults
        ]
        samples = evidence.recording.samples(self._document(evidence))
        mine = samples.where(attribute(samples, windows) != NONE)
        if mine.n == 0:
            raise CannotTellError(f"not one request of probe '{self.probe}' during the fault")
        failed = int(mine.count[mine.outcome != Outcome.OK].sum())
        limit = self.at_most * deaths
        reason = (
            f"{failed} of {mine.n} requests failed during the fault, and {limit} may "
            f"({deaths} {'death' if deaths == 1 else 'deaths'}, {self.at_most} each)"
        )
        verdict = Verdict.PASS if failed <= limit else Verdict.FAIL
        return self.result(verdict, reason, estimate=failed, limit=limit, n=mine.n)

    def _document(self, evidence: Evidence) -> ProbeDocument:
        for probe in evidence.recording.probes:
            if probe.name == self.probe:
                return probe
        names = ", ".join(probe.name for probe in evidence.recording.probes)
        raise CannotTellError(f"there is no probe '{self.probe}' (there are: {names})")


def _died(note: Event) -> bool:
    """Whether it says that a process ended; one that was only stopped did not."""
    return "pid" in note and note.get("action") != "stop"
