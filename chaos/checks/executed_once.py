"""Nothing is executed twice: an answer that was lost, or a link that was cut, must not make a platform try again."""

from __future__ import annotations

import json
from typing import Literal

from chaos.checks.base import Check
from chaos.checks.evidence import Evidence
from chaos.checks.results import CannotTellError, CheckResult
from chaos.sla.documents import ProbeDocument
from chaos.sla.results import Verdict
from chaos.traffic.spec import Outcome

__all__ = ["ExecutedOnce"]


class ExecutedOnce(Check):
    """No nonce was given to a handler more than once, by the record that the replicas keep."""

    check: Literal["executed_once"]

    def judge(self, evidence: Evidence) -> CheckResult:
        """The estimate is how many executions were one too many."""
        record = evidence.executions
        if record is None:
            raise CannotTellError("executions were not recorded (only the embedded platform does it)")
        total, repeats = int(record["total"]), int(record["repeats"])
        if repeats:
            model, nonce, times = record["repeated"][0]
            reason = (
                f"{repeats} of {total} executions were repetitions: request '{nonce}' to model '{model}' was "
                f"executed {times} times"
            )
            return self.result(Verdict.FAIL, reason, estimate=repeats, limit=0, n=total)
        if not record["counted"]:
            raise CannotTellError("the record of executions is damaged")
        answered = self._answered(evidence)
        for model, right in answered.items():
            executed = int(record["models"].get(model, 0))
            if executed < right:
                raise CannotTellError(
                    f"the record of executions is not whole: {executed} for model '{model}', and {right} right answers"
                )
        reason = f"none of {total} recorded executions was a repetition"
        return self.result(Verdict.PASS, reason, estimate=0, limit=0, n=total)

    def _answered(self, evidence: Evidence) -> dict[str, int]:
        """Right answers by model, of the probes whose requests can be told apart."""
        found: dict[str, int] = {}
        for probe in evidence.recording.probes:
            if _has_nonce(probe):
                samples = evidence.recording.samples(probe)
                right = int(samples.count[samples.outcome == Outcome.OK].sum())
                found[probe.model] = found.get(probe.model, 0) + right
        if not sum(found.values()):
            raise CannotTellError(
                "no request with a 'nonce' was answered, so executions cannot be told apart"
            )
        return found


def _has_nonce(probe: ProbeDocument) -> bool:
    """Whether each of its requests has a nonce of its own, where the replicas look for it."""
    return '"nonce": "{nonce}"' in json.dumps(probe.payload)
