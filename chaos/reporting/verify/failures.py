"""The failures of a verification, read from its history: those that were confirmed, and one that it broke off at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.history import Event
from chaos.operations.checks.base import Violation
from chaos.operations.program import Program
from chaos.operations.record import ProgramRecord
from chaos.sla.rates import Rate
from chaos.sla.results import Verdict

__all__ = ["FailureSummary", "failures_of"]


@dataclass(frozen=True, slots=True)
class FailureSummary:
    """A program that failed in ``check``; see :class:`chaos.operations.confirming.Failure` for the numbers.

    ``ended`` is whether confirming it came to its end: if not, the rates are of nothing, and ``smallest`` is the last
    one that failed. ``record`` is its last run that failed, with its ``violations``; None if the history lacks it.
    """

    check: str
    program: Program
    smallest: Program
    again: Rate
    rate: Rate
    runs: int
    whole: bool
    ended: bool
    violations: tuple[Violation, ...]
    record: ProgramRecord | None
    counterexample: str = ""

    @property
    def reproduced(self) -> bool:
        """Whether it came again."""
        return self.again.count > 0

    @property
    def words(self) -> tuple[str, ...]:
        """What the check found in the last run that failed, each thing once."""
        found = [each for each in self.violations if each.verdict is Verdict.FAIL]
        return tuple(dict.fromkeys(each.words for each in found if each.check == self.check))


@dataclass(slots=True)
class _Run:
    """One run of a program that failed, as far as it is in the history."""

    events: list[Event]
    violations: tuple[Violation, ...] = ()

    @property
    def program(self) -> Program:
        return Program(steps=self.events[0]["steps"])

    @property
    def failed(self) -> list[str]:
        return [each.check for each in self.violations if each.verdict is Verdict.FAIL]

    def record(self) -> ProgramRecord:
        """Read as a whole, so that what cannot be understood is found now."""
        record = ProgramRecord(self.events)
        _ = record.calls, record.seen, record.faults, record.names
        return record


@dataclass(slots=True)
class _Open:
    """What is known of a failure that is not confirmed yet: runs that failed, in what, and how many were tried."""

    runs: list[_Run] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    tried: int = 0
    counterexample: str = ""


def failures_of(events: Sequence[Event]) -> list[FailureSummary]:
    """In the order in which they were found.

    :raises KeyError: or another error of that kind, if an event lacks what its kind needs
    """
    found: list[FailureSummary] = []
    runs: dict[int, _Run] = {}
    now: _Run | None = None
    held = _Open()
    for event in events:
        match event["kind"]:
            case "program":
                runs[event["attempt"]] = now = _Run([event])
            case "named" | "call" | "standing" | "fault" | "bystander" if now is not None:
                now.events.append(event)
            case "judged":
                now, run = None, runs[event["attempt"]]
                run.violations = tuple(_violation(each) for each in event["violations"])
                if run.failed:
                    held.runs.append(run)
                    held.checks += run.failed
            case "example":
                held.checks += event["failed"]
            case "confirming":
                held.checks.insert(0, event["check"])
                held.counterexample = event.get("counterexample", "")
            case "shrinking":
                held.tried = event["runs"]
            case "failure":
                found.append(_confirmed(event, runs))
                held = _Open()
    return [*found, _broken_off(held)] if held.checks else found


def _confirmed(event: Event, runs: Mapping[int, _Run]) -> FailureSummary:
    run = runs.get(event["last"])
    return FailureSummary(
        check=event["check"],
        program=Program(steps=event["program"]),
        smallest=Program(steps=event["smallest"]),
        again=Rate(*event["again"]),
        rate=Rate(*event["rate"]),
        runs=event["runs"],
        whole=event["whole"],
        ended=True,
        violations=() if run is None else run.violations,
        record=None if run is None else run.record(),
        counterexample=event["counterexample"],
    )


def _broken_off(held: _Open) -> FailureSummary:
    """What is left is the last run that failed in the same check."""
    check = held.checks[0]
    alike = [run for run in held.runs if check in run.failed]
    nothing = Program(steps=())
    return FailureSummary(
        check=check,
        program=alike[0].program if alike else nothing,
        smallest=alike[-1].program if alike else nothing,
        again=Rate(0, 0),
        rate=Rate(0, 0),
        runs=held.tried,
        whole=False,
        ended=False,
        violations=alike[-1].violations if alike else (),
        record=alike[-1].record() if alike else None,
        counterexample=held.counterexample,
    )


def _violation(told: Mapping[str, Any]) -> Violation:
    return Violation(
        told["check"], told["words"], told["step"], tuple(told["calls"]), Verdict(told["verdict"])
    )
