"""One end state: whatever was asked for twice, or at once, the platform ends as the last request wanted it.

Compared are three accounts of the same number: the workers that the target was asked for, those that it says are
ready, and the replica processes that live.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from pydantic import Field

from chaos.checks.base import Check
from chaos.checks.evidence import Evidence, ModelSeen
from chaos.checks.results import CannotTellError, CheckResult
from chaos.history import Event
from chaos.recording import FaultInterval
from chaos.sla.results import Verdict

__all__ = ["EndState"]

SETTLED_SECONDS = 1.0


class EndState(Check):
    """After every round of duplicates ``model`` has exactly ``workers`` workers; at the end as many as before them.

    Reverting a fault brings back the number that there was.
    """

    check: Literal["end_state"]
    model: str = Field(min_length=1)
    workers: int = Field(ge=0)

    @property
    def name(self) -> str:
        """With the model."""
        return f"end_state {self.model}"

    def judge(self, evidence: Evidence) -> CheckResult:
        """Names the first deviation; the estimate is the number of processes then, the limit the wanted one."""
        rounds = [note for note in evidence.about("round") if note.get("model", self.model) == self.model]
        planned = self._planned(evidence)
        if not rounds:
            raise CannotTellError(f"no round of duplicates on model '{self.model}' was recorded")
        of = max(planned, len(rounds))
        for index, note in enumerate(rounds, 1):
            wrong = next(self._deviations(note), "")
            if wrong:
                seen = note.get("processes")
                return self._told(Verdict.FAIL, f"after round {index} of {of}: {wrong}", seen, index)
        at, last = evidence.counted(self.model)[-1]
        reverted = [fault.reverted or 0.0 for fault in self._faults(evidence)]
        if at < max(rounds[-1]["at"], *reverted, 0.0):
            raise CannotTellError(f"the state of model '{self.model}' was not read after the last round")
        before = self._before(evidence)
        wrong = next(self._ends(last, before, _strays(evidence)), "")
        if wrong:
            result = self._told(Verdict.FAIL, f"at the end of the run: {wrong}", last.alive, of + 1)
            return replace(result, limit=before)
        if len(rounds) < planned:
            raise CannotTellError(f"only {len(rounds)} of {planned} rounds of duplicates were recorded")
        if any(note["processes"] is None for note in rounds):
            raise CannotTellError("the replica processes that live were not counted")
        reason = f"{self.workers} asked for, ready and alive after each of {of} rounds; at the end {before} as before"
        return self._told(Verdict.PASS, reason, rounds[-1]["processes"], of + 1)

    def _planned(self, evidence: Evidence) -> int:
        """How many rounds were to happen, by the faults' arguments."""
        return sum(int(fault.arguments.get("rounds", 0)) for fault in self._faults(evidence))

    def _faults(self, evidence: Evidence) -> list[FaultInterval]:
        return [fault for fault in evidence.faults("duplicates") if fault.model == self.model]

    def _before(self, evidence: Evidence) -> int:
        """How many workers were asked for before the first fault: what it brings back when it is reverted."""
        begun = min((fault.begun for fault in self._faults(evidence)), default=0.0)
        looks = [seen.desired for at, seen in evidence.states_of(self.model) if at < begun]
        if not looks:
            raise CannotTellError(f"the state of model '{self.model}' was not read before the duplicates")
        return looks[-1]

    def _deviations(self, note: Event) -> Iterator[str]:
        described = note["described"]
        yield from _counted(
            self.workers, described.get("desired"), described.get("workers"), note["processes"]
        )
        if not note["acceptable"]:
            answers = ", ".join(f"{count} of {status}" for status, count in sorted(note["answers"].items()))
            yield f"answers that are not acceptable ({answers})"
        if note["settled_in"] is None:
            yield "it did not settle in time"

    def _ends(self, seen: ModelSeen, wanted: int, strays: int) -> Iterator[str]:
        yield from _counted(wanted, seen.desired, seen.workers, seen.alive)
        if strays:
            yield f"{strays} more {'process' if strays == 1 else 'processes'} of no model that the target tells"

    def _told(self, verdict: Verdict, reason: str, processes: int | None, n: int) -> CheckResult:
        return self.result(verdict, reason, estimate=processes, limit=self.workers, n=n)


def _counted(wanted: int, desired: int | None, ready: int | None, processes: int | None) -> Iterator[str]:
    """Processes first: they are what runs, whatever the target says."""
    if processes is not None and processes != wanted:
        yield f"{processes} processes, wanted {wanted}"
    if ready != wanted:
        yield f"{'no' if ready is None else ready} workers ready, wanted {wanted}"
    if desired != wanted:
        yield f"{'no number' if desired is None else desired} of workers asked for as described, wanted {wanted}"


def _strays(evidence: Evidence) -> int:
    """Replicas of no model all through the last second: one that is just being started is soon told."""
    since = max(state.at for state in evidence.states) - SETTLED_SECONDS
    return min(state.strays for state in evidence.states if state.at >= since)
