"""Nobody else dies: a fault takes the replicas that it names, and all others live on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from chaos.checks.base import Check
from chaos.checks.evidence import Evidence
from chaos.checks.results import CannotTellError, CheckResult
from chaos.sla.results import Verdict

__all__ = ["Survivors"]

NEVER_LIVED = "LoadFailed"
"""The type of an error of a replica that did not become one."""


class Survivors(Check):
    """No replica died but those that the faults' evidence names by ``pid`` or ``pids``."""

    check: Literal["survivors"]

    def judge(self, evidence: Evidence) -> CheckResult:
        """The estimate is the number of replicas that died beside; n that of all that were seen."""
        seen = {pid for state in evidence.states for model in state.models.values() for pid in model.pids}
        if not seen:
            raise CannotTellError("the replicas' processes were never seen")
        named = {pid for note in evidence.notes for pid in _pids(note)}
        died = dict(_in_states(evidence)) | dict(_in_errors(evidence))
        others = {pid: how for pid, how in died.items() if pid not in named}
        if others:
            pid, how = min(others.items())
            more = f", and {len(others) - 1} more" if len(others) > 1 else ""
            reason = f"pid {pid} {how}, and no fault was to end it{more}"
            return self.result(Verdict.FAIL, reason, estimate=len(others), limit=0, n=len(seen))
        reason = f"of {len(seen)} replicas seen none died" + (
            f" but the {len(died)} named by faults" if died else ""
        )
        return self.result(Verdict.PASS, reason, estimate=0, limit=0, n=len(seen))


def _pids(note: dict[str, object]) -> Iterator[int]:
    """The processes that a note names; a note of an operation or a round lists those that live."""
    if note["about"] not in ("operation", "round"):
        pids = note.get("pids", ())
        for pid in (note.get("pid"), *(pids if isinstance(pids, list) else ())):
            if isinstance(pid, int):
                yield pid


def _in_errors(evidence: Evidence) -> Iterator[tuple[int, str]]:
    for record in evidence.errors or ():
        if record["type"] != NEVER_LIVED:
            yield int(record["pid"]), f"of model '{record['model']}' died ({record['type']})"


def _in_states(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Replicas that were gone from one look to the next although nobody asked for another number of them."""
    asked = [
        (note["model"], float(note["start"]), float(note["end"])) for note in evidence.about("operation")
    ]
    for model in sorted({name for state in evidence.states for name in state.models}):
        for (since, before), (at, after) in pairwise(evidence.states_of(model)):
            busy = any(name == model and start <= at and end >= since for name, start, end in asked)
            if before.desired == after.desired and not busy:
                for pid in before.pids - after.pids:
                    yield pid, f"of model '{model}' was gone"
