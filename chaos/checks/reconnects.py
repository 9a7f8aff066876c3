"""Links come back: how long after a link was restored the target, or its clients, could use it again."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from chaos.checks.base import Check
from chaos.checks.evidence import Evidence, LinkSeen, State
from chaos.checks.results import CannotTellError, CheckResult
from chaos.recording import FaultInterval
from chaos.sla.results import Verdict, Window
from chaos.sla.samples import NONE, Samples, attribute
from chaos.sla.words import quantity
from chaos.traffic.histogram import SLOT_SECONDS, seconds_of
from chaos.traffic.spec import Outcome

__all__ = ["Reconnects"]

CLIENT = "client"


class Reconnects(Check):
    """After each fault ``link`` (or those on the links ``link``) all is as before ``within`` seconds."""

    check: Literal["reconnects"]
    within: float = Field(default=5.0, gt=0, description="seconds from the restored link")
    link: Literal["", "client", "replica", "manager"] = Field(
        default="", description="only faults on this link"
    )

    @property
    def name(self) -> str:
        """With the link, if it is about one."""
        return f"reconnects {self.link}".rstrip()

    def judge(self, evidence: Evidence) -> CheckResult:
        """The estimate is the longest time, in seconds; n the number of faults."""
        faults = [
            fault
            for fault in evidence.faults("link")
            if not self.link or fault.arguments.get("link", CLIENT) == self.link
        ]
        if not faults:
            raise CannotTellError(f"no link {self.link or 'at all'} was cut")
        times: list[tuple[float, FaultInterval]] = []
        doubts = []
        for fault in faults:
            # One cut that cannot be told must not hide another that fails.
            try:
                time = self._time(evidence, fault)
            except CannotTellError as error:
                doubts.append(error)
                continue
            if time is None:
                within = quantity(self.within, "s")
                reason = f"the link {_said(fault)} was not up {within} after {fault.id}, nor later"
                return self._told(Verdict.FAIL, reason, None, len(faults))
            times.append((time, fault))
        slowest, fault = max(times, key=lambda pair: pair[0], default=(0.0, faults[0]))
        if doubts and slowest <= self.within:
            raise doubts[0]
        reason = f"the link {_said(fault)} was up {quantity(slowest, 's')} after {fault.id}"
        reason += f", the slowest of {len(faults)}" if len(faults) > 1 else ""
        verdict = Verdict.PASS if slowest <= self.within else Verdict.FAIL
        return self._told(verdict, reason, slowest, len(faults))

    def _told(self, verdict: Verdict, reason: str, slowest: float | None, n: int) -> CheckResult:
        return self.result(verdict, reason, estimate=slowest, limit=self.within, unit="s", n=n)

    def _time(self, evidence: Evidence, fault: FaultInterval) -> float | None:
        """Seconds from restored to usable; None if it never was, and was watched for long enough to say so."""
        if fault.injected is None or fault.reverted is None:
            raise CannotTellError(f"{fault.id} was not in force, or not reverted")
        if fault.arguments.get("link", CLIENT) == CLIENT:
            found, watched = _by_requests(evidence, fault, fault.injected, fault.reverted)
        else:
            found, watched = _by_states(evidence, fault, fault.injected, fault.reverted)
        if found is None and watched < fault.reverted + self.within:
            raise CannotTellError(
                f"the link {_said(fault)} was not watched for {quantity(self.within, 's')} after {fault.id}"
            )
        return None if found is None else max(found - fault.reverted, 0.0)


def _by_states(
    evidence: Evidence, fault: FaultInterval, injected: float, reverted: float
) -> tuple[float | None, float]:
    """The first look at which as many links are up as before the fault and none is down, and the last look."""
    looks = [state for state in evidence.states if state.links is not None]
    before = [state for state in looks if state.at < fault.begun and _links(state, fault)]
    if not before:
        raise CannotTellError(f"the state of the link {_said(fault)} was not read before {fault.id}")
    wanted = sum(link.up for link in _links(before[-1], fault))
    after = [state for state in looks if state.at >= reverted]
    during = [state for state in looks if injected <= state.at < reverted]
    # A cut between two looks is told by a link that has not stood since before it.
    seen = any(_cut(state, fault, wanted) for state in during)
    anew = any(link.since >= fault.begun for state in (*during, *after[:1]) for link in _links(state, fault))
    if not (seen or (anew and after and not _cut(after[0], fault, wanted))):
        raise CannotTellError(f"the cut of the link {_said(fault)} by {fault.id} was not noticed")
    back = next((state.at for state in after if not _cut(state, fault, wanted)), None)
    return back, after[-1].at if after else reverted


def _cut(state: State, fault: FaultInterval, wanted: int) -> bool:
    links = _links(state, fault)
    return sum(link.up for link in links) < wanted or not all(link.up for link in links)


def _links(state: State, fault: FaultInterval) -> list[LinkSeen]:
    """Those that the fault may have chosen from."""
    links = state.links or ()
    if fault.arguments["link"] == "manager":
        return [link for link in links if link.name == "manager"]
    return [link for link in links if link.model == fault.model]


def _by_requests(
    evidence: Evidence, fault: FaultInterval, injected: float, reverted: float
) -> tuple[float | None, float]:
    """When the first request of a slot after the fault was answered rightly, and the last one was due.

    Within its slot nobody knows when a request was due; the end of the slot is the latest.
    """
    recording = evidence.recording
    probes = [probe for probe in recording.probes if recording.via.get(probe.name) == CLIENT]
    if not probes:
        raise CannotTellError("no probe goes via the link 'client'")
    samples = Samples.joined([recording.samples(probe) for probe in probes])
    during = attribute(samples, [Window("fault", injected, reverted)]) != NONE
    right = samples.outcome == Outcome.OK
    if not (during & ~right).any():
        raise CannotTellError(f"the cut of the link {_said(fault)} by {fault.id} was not noticed")
    after = samples.slot * SLOT_SECONDS >= reverted
    answered = (samples.slot + 1) * SLOT_SECONDS + seconds_of(samples.bucket)
    found = answered[after & right]
    watched = float(np.max(samples.slot[after], initial=0)) * SLOT_SECONDS
    return (float(found.min()) if found.size else None), watched


def _said(fault: FaultInterval) -> str:
    return f"'{fault.arguments.get('link', CLIENT)}'" + (f" of '{fault.model}'" if fault.model else "")
