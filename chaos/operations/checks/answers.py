"""The model: an operation that nothing overlaps is answered as a small model of the control plane says."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.operations.checks.base import Violation
from chaos.operations.record import Done, ProgramRecord
from chaos.operations.reference import Reference

__all__ = ["Answers", "followed"]


class Answers:
    """Each operation that is alone in its step, while no fault is in force and the state before it is known; that each
    is answered, and each inference, whatever else goes on, with what it asked for."""

    name = "model"

    def check(self, record: ProgramRecord) -> Iterator[Violation]:
        """Operations that were refused without a reason, or done without one, or not answered; and wrong readings."""
        for reference, step in followed(record):
            overlapping = record.of_step(step)
            for done in overlapping:
                if len(overlapping) == 1 and record.calm(done):
                    words = _wrong(done, reference)
                else:
                    words = _strange(done) or _unanswered(done, record)
                if words:
                    yield Violation(self.name, f"'{done}' {words}", step, (done.number,))


def followed(record: ProgramRecord) -> Iterator[tuple[Reference, int]]:
    """A reference model as it is before each step that has operations; it has taken the step when the next is asked
    for."""
    before = next((seen.state for seen in record.seen if seen.when == "before"), None)
    if before is None:
        return
    reference = Reference(record.names, before, record.limits, record.reloads)
    looks = {seen.step: seen for seen in record.seen if seen.when == "step" and seen.rest is not None}
    for step in sorted({done.step for done in record.calls} | set(looks)):
        done = record.of_step(step)
        if done:
            yield reference, step
        reference.apply(done)
        if not all(record.calm(each) for each in done):
            reference.unsure()
        if step in looks:
            reference.saw(looks[step].state)


def _strange(done: Done) -> str:
    """Whether an inference was given another one's answer; empty if not."""
    if done.operation == "infer" and done.outcome == "ok" and not (done.told or {}).get("own", True):
        return "was answered 200, and not with what it asked for: its nonce is not in the answer"
    return ""


def _unanswered(done: Done, record: ProgramRecord) -> str:
    """What is wrong with one that others overlap: that nobody answered, without a fault; empty if nothing is."""
    return "" if done.known or done.lost or not _quiet(done, record) else f"was not answered: {done.detail}"


def _quiet(done: Done, record: ProgramRecord) -> bool:
    """Whether no fault was in force while it was waited for."""
    return all(done.end < start or end < done.start for start, end, _ in record.faults)


def _wrong(done: Done, reference: Reference) -> str:
    """What is wrong with an answer; empty if nothing is."""
    expected = reference.expects(done)
    if done.lost or expected == "any":
        return ""
    if done.outcome == "info":
        return f"was not answered: {done.detail}"
    if expected == "ok" and done.outcome == "fail":
        return f"was answered {done.status}, and nothing forbids it: {done.detail}"
    if expected == "refused" and done.outcome == "ok":
        return f"was answered {done.status}, and cannot have been done"
    return _strange(done) or _reading(done, reference) if done.outcome == "ok" else ""


def _reading(done: Done, reference: Reference) -> str:
    if done.operation == "describe":
        wanted = reference.models[done.model].workers
        if done.told["desired"] != wanted:
            return f"told of {done.told['desired']} workers asked for, not {wanted}"
    if done.operation == "list":
        sure = {model: known for model, known in reference.models.items() if known.sure}
        for model, known in sure.items():
            if (model in done.told) != (known.workers is not None):
                return f"{'told of' if model in done.told else 'left out'} model '{model}'"
    return ""
