"""From what was judged to the verdict on a run, and why, in a sentence a person would say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chaos.checks.results import CheckResult
from chaos.properties.base import CellResult
from chaos.properties.table import CODES
from chaos.recording import FaultInterval, Recording
from chaos.sla.results import ObjectiveResult, Verdict, worst
from chaos.sla.words import measured, quantity

__all__ = ["Judged", "conclude", "doubts"]


@dataclass(frozen=True, slots=True)
class Judged:
    """All that a run's verdict is made of; none stands in another's place."""

    objectives: tuple[ObjectiveResult, ...]
    checks: tuple[CheckResult, ...]
    cells: tuple[CellResult, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of them."""
        verdicts = [worst(result.verdict for result in self.objectives)]
        verdicts += [check.verdict for check in self.checks]
        return worst(verdicts + [cell.verdict for cell in self.cells])

    def told(self, verdict: Verdict) -> list[tuple[str, str, str]]:
        """The checks and cells of a verdict: what each is, its name and its reason."""
        found = [("check", each.name, each.reason) for each in self.checks if each.verdict is verdict]
        return found + [("cell", each.name, each.reason) for each in self.cells if each.verdict is verdict]


def doubts(recording: Recording, tested: bool) -> Iterator[str]:
    """What keeps a run from being a pass even if all of its objectives held; the gravest first.

    :param tested: whether it tested something beside its faults
    """
    yield from _left(recording)
    for fault in recording.faults:
        if fault.injected is None:
            yield f"{_named(fault)} was not injected, so the hypothesis was not tested{_because(fault)}"
        elif fault.id in recording.failed:
            yield f"{_named(fault)} was not in force as planned, so the hypothesis was not tested{_because(fault)}"
        if fault.injected is not None and fault.reverted is None and not fault.left:
            yield f"{_named(fault)} was injected, and nothing says that it was reverted"
    if recording.end is None:
        yield "the run broke off: its history has no end"
    elif recording.end["status"] != "completed":
        why = recording.end.get("reason")
        yield f"the experiment ended as '{recording.end['status']}'" + (f": {why}" if why else "")
    yield from recording.problems
    if not recording.faults and not tested:
        yield "no fault was injected, so the hypothesis was not tested"


def _left(recording: Recording) -> Iterator[str]:
    """The faults that could not be reverted, and what to do about each by hand."""
    for fault in recording.faults:
        if fault.left:
            yield f"{_named(fault)} could not be reverted, and may still be in force: {fault.left}"


def _named(fault: FaultInterval) -> str:
    return f"fault {fault.id} ({fault.fault}" + (f" on '{fault.model}')" if fault.model else ")")


def _because(fault: FaultInterval) -> str:
    return f": {fault.reason}" if fault.reason else ""


def conclude(recording: Recording, judged: Judged, doubted: tuple[str, ...]) -> tuple[Verdict, str]:
    """The verdict on the run, and why.

    :param doubted: what :func:`doubts` found
    """
    verdict, reason = _concluded(recording, judged, doubted)
    for told in _left(recording):
        # Whatever else there is to say: whoever reads one sentence has to read this.
        reason += "" if verdict is Verdict.UNKNOWN else f" {_capital(told).rstrip('.')}."
    return verdict, reason


def _concluded(recording: Recording, judged: Judged, doubted: tuple[str, ...]) -> tuple[Verdict, str]:
    verdict = judged.verdict
    if verdict is Verdict.FAIL:
        return verdict, _said(judged, Verdict.FAIL)
    if recording.guards:
        guard = recording.guards[0]
        at = guard["at"] - recording.run["at"]
        return Verdict.FAIL, (
            f"A guard of '{guard['probe']}' stopped {'the fault' if recording.faults else 'the measurement'} after "
            f"{quantity(at, 's')} of the run: "
            f"the error budget burned at {quantity(guard['burn'], '')} times the rate it allows."
        )
    counted = [f"All {len(judged.objectives)} objectives"]
    counted += [_count(len(judged.checks), "check")] if judged.checks else []
    counted += [_count(len(judged.cells), "cell")] if judged.cells else []
    held = f"{_joined(counted)} held"
    if recording.end is not None and recording.end["deviated"] and verdict is Verdict.PASS:
        return Verdict.FAIL, f"{held}, but Chaos Toolkit's own hypothesis deviated."
    if doubted:
        return Verdict.UNKNOWN, f"{_capital(doubted[0]).rstrip('.')}."
    if verdict is Verdict.UNKNOWN:
        return verdict, _said(judged, Verdict.UNKNOWN)
    return verdict, f"{held} while {_what_ran(recording, judged.cells)}."


def _said(judged: Judged, verdict: Verdict) -> str:
    """The first result of that verdict, and how many more there are.

    Checks and cells come first, as they say what went wrong and not only who felt it; then objectives in the fault.
    """
    how = "failed" if verdict is Verdict.FAIL else "could not be told"
    told = judged.told(verdict)
    order = ("fault", "recovery", "baseline")
    found = sorted((r for r in judged.objectives if r.verdict is verdict), key=lambda r: order.index(r.phase))
    if not told and not found:
        return "No probe has objectives, so nothing was judged."
    kinds = [kind for kind, _name, _reason in told[1:]]
    more = [_count(kinds.count(kind), f"more {kind}") for kind in dict.fromkeys(kinds)]
    others = len(found) - (not told)
    if others > 0:
        more.append(_count(others, "objective" if told else "more objective"))
    first = _objective_said(found[0], how) if not told else _thing_said(*told[0], how)
    return first + (f" {_joined(more)} {how} too." if more else "")


def _thing_said(kind: str, name: str, reason: str, how: str) -> str:
    """A check or a cell, in a sentence."""
    subject = f"Check {name}" if kind == "check" else _capital(name)
    return f"{subject} {how}: {reason.rstrip('.')}."


def _objective_said(result: ObjectiveResult, how: str) -> str:
    when = {"fault": "during the fault", "recovery": "in the recovery", "baseline": "in the baseline"}
    why = measured(result) if result.verdict is Verdict.FAIL else result.reason
    return f"{_capital(result.objective)} of '{result.probe}' {how} {when[result.phase]}: {why}."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _joined(parts: list[str]) -> str:
    """Such as ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _capital(text: str) -> str:
    """The beginning of a sentence; the name of a quantile, such as p99, stays as it is."""
    return text if text[1:2].isdigit() else text[:1].upper() + text[1:]


def _what_ran(recording: Recording, cells: tuple[CellResult, ...]) -> str:
    """Such as ``handler_dos ran for 10.0 s``, ``link ran 5 times for 15.1 s``, or ``rollback was measured``."""
    found: dict[str, list[float]] = {}
    for fault in recording.faults:
        found.setdefault(fault.fault, []).append(fault.seconds or 0.0)
    ran = [
        f"{name} ran {f'{len(held)} times ' if len(held) > 1 else ''}for {sum(held):.1f} s"
        for name, held in found.items()
    ]
    if recording.program is not None:
        ran.insert(0, f"a program of {_count(len(recording.program.calls), 'operation')} ran")
    return _joined(
        ran + [f"{title} was measured" for title in dict.fromkeys(CODES[cell.code] for cell in cells)]
    )
