"""Out of memory is named and healed: the error history says OOMKilled, and a new replica takes the place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from chaos.checks.base import Check
from chaos.checks.evidence import Evidence
from chaos.checks.results import CannotTellError, CheckResult
from chaos.history import Event
from chaos.sla.results import Verdict
from chaos.sla.words import quantity

__all__ = ["Oom"]

OOM = "OOMKilled"
BY = {"kernel": "by the kernel", "limit": "by the limit that the platform sets"}


class Oom(Check):
    """Each replica of ``model`` that was driven out of memory is named so, and replaced ``within`` seconds."""

    check: Literal["oom"]
    model: str = Field(min_length=1)
    within: float = Field(default=10.0, gt=0, description="seconds from a death until capacity is back")

    @property
    def name(self) -> str:
        """With the model."""
        return f"oom {self.model}"

    def judge(self, evidence: Evidence) -> CheckResult:
        """The estimate is the longest time without full capacity, in seconds; n the number of deaths."""
        deaths = [note for note in evidence.about("oom") if note["model"] == self.model]
        if not deaths:
            raise CannotTellError(f"nothing says that a replica of model '{self.model}' ran out of memory")
        times, doubts, ways = [], [], set()
        for death in deaths:
            # One death that cannot be told must not hide another that fails.
            try:
                record = self._record(evidence, death)
                if record is None or record["type"] != OOM:
                    said = f"calls it {record['type']}" if record else "does not name it"
                    reason = f"pid {death['pid']} died of OOM, and the target's error history {said}"
                    return self._told(Verdict.FAIL, reason, None, len(deaths))
                time = self._back(evidence, death, record)
                if time is None:
                    within = quantity(self.within, "s")
                    reason = f"capacity was not back {within} after pid {death['pid']} died of OOM, nor later"
                    return self._told(Verdict.FAIL, reason, None, len(deaths))
                times.append(time)
                ways.add(_by(death, record))
            except CannotTellError as error:
                doubts.append(error)
        slowest = max(times, default=0.0)
        if doubts and slowest <= self.within:
            raise doubts[0]
        killed = f"{_replicas(len(deaths))} killed {' and '.join(sorted(ways)) or 'somehow'}, named {OOM}"
        reason = f"{killed}; capacity was back after {quantity(slowest, 's')}"
        verdict = Verdict.PASS if slowest <= self.within else Verdict.FAIL
        return self._told(verdict, reason, slowest, len(deaths))

    def _told(self, verdict: Verdict, reason: str, slowest: float | None, n: int) -> CheckResult:
        return self.result(verdict, reason, estimate=slowest, limit=self.within, unit="s", n=n)

    def _record(self, evidence: Evidence, death: Event) -> Mapping[str, Any] | None:
        """What the target's error history says of the replica that died."""
        if evidence.errors is None:
            raise CannotTellError("the target's error history was not read (does it keep one?)")
        found = [
            record
            for record in evidence.errors
            if record["pid"] == death["pid"] and record["model"] == self.model
        ]
        return next((record for record in found if record["type"] == OOM), found[0] if found else None)

    def _back(self, evidence: Evidence, death: Event, record: Mapping[str, Any]) -> float | None:
        """Seconds until as many replicas were alive and ready as were asked for; None if that never came."""
        died = float(record["at"])
        states = [(at, seen) for at, seen in evidence.counted(self.model) if at >= died]
        for at, seen in states:
            if death["pid"] not in seen.pids and seen.desired > 0 and seen.is_exactly(seen.desired):
                return at - died
        if not states or states[-1][0] < died + self.within:
            raise CannotTellError(
                f"nothing was seen of model '{self.model}' until {quantity(self.within, 's')} after its death"
            )
        return None


def _replicas(number: int) -> str:
    return f"{number} {'replica' if number == 1 else 'replicas'}"


def _by(death: Event, record: Mapping[str, Any]) -> str:
    by = record.get("by") or death.get("by")
    if by not in BY:
        raise CannotTellError(f"nothing says what killed pid {death['pid']}: the kernel, or a limit")
    return BY[by]
