"""What stands after a step is what the step must have come to, within a bound.

One judgement with a name for each way to miss it: after operations that all failed it is *rollback*, after several that
were equal, or one that was asked again as its answer was lost, *idempotence*, else *convergence*.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.operations.checks.answers import followed
from chaos.operations.checks.base import Violation
from chaos.operations.record import CHANGES, Done, ProgramRecord, Seen
from chaos.properties.idempotence import ACCEPTABLE, acceptable
from chaos.properties.standing import differences, in_short

__all__ = ["Convergence", "Idempotence", "Rollback"]


class _Ends:
    """Looks after steps, of those that are of one kind."""

    name = ""

    def check(self, record: ProgramRecord) -> Iterator[Violation]:
        """Steps after which it did not come to rest as it must."""
        looks = {seen.step: seen for seen in record.seen if seen.when == "step"}
        for reference, step in followed(record):
            done = record.of_step(step)
            seen = looks.get(step)
            if seen is None or seen.rest is not None or kind_of(done) != self.name:
                continue
            reference.apply(done)
            yield Violation(self.name, _words(done, seen, reference.wrong(seen.state)), step, _numbers(done))


class Rollback(_Ends):
    """Operations that failed leave everything as it was."""

    name = "rollback"


class Convergence(_Ends):
    """What is described is what was asked for, and what runs, within a bound; at the end at the latest."""

    name = "convergence"

    def check(self, record: ProgramRecord) -> Iterator[Violation]:
        """After steps, and at the end, when all faults are reverted."""
        yield from super().check(record)
        for seen in record.seen:
            if seen.when == "end" and seen.rest is None:
                wrong = _wrong_at_the_end(record, seen)
                yield Violation(self.name, f"at the end {in_short(wrong) or 'it still moved'}")


class Idempotence(_Ends):
    """Equal operations, and those that are asked again, end as one would, with answers that a client can live with."""

    name = "idempotence"

    def check(self, record: ProgramRecord) -> Iterator[Violation]:
        """Wrong ends, and wrong answers."""
        yield from super().check(record)
        for reference, step in followed(record):
            done = record.of_step(step)
            if kind_of(done) != self.name or not all(record.calm(each) for each in done):
                continue
            for each in done:
                if reference.expects(each) != "ok" or each.operation not in ACCEPTABLE:
                    continue  # then it may be refused in any way, or nobody knows whether it may
                if each.known and not acceptable(each.operation, each.status, each.detail):
                    words = f"'{each}', asked {len(done)} times, was answered {each.status}: {each.detail}"
                    yield Violation(self.name, words, step, (each.number,))


def _wrong_at_the_end(record: ProgramRecord, seen: Seen) -> list[str]:
    """What is wrong when all faults are reverted; of a program without operations, what differs from before it."""
    *_, last = [None, *followed(record)]
    if last is None:
        before = next(other.state for other in record.seen if other.when == "before")
        return differences(before, seen.state)
    reference, step = last
    reference.apply(record.of_step(step))
    reference.saw(seen.state)
    return reference.wrong(seen.state)


def kind_of(done: Sequence[Done]) -> str:
    """By which name operations of one step that end wrong are known."""
    changes = [each for each in done if each.operation in CHANGES]
    asked = {(each.operation, each.model, each.workers, each.package) for each in changes}
    if len(changes) > 1 and len(asked) == 1:
        return "idempotence"
    if changes and all(each.outcome == "fail" for each in changes):
        return "rollback"
    return "convergence"


def _words(done: Sequence[Done], seen: Seen, wrong: Sequence[str]) -> str:
    said = ", ".join(dict.fromkeys(f"'{each}'" for each in done if each.operation in CHANGES)) or "the step"
    failed = " failed, and" if kind_of(done) == "rollback" else ""
    return f"{said}{failed} left: {in_short(wrong) or seen.state['error'] or 'something that still moved'}"


def _numbers(done: Sequence[Done]) -> tuple[int, ...]:
    return tuple(each.number for each in done if each.operation in CHANGES)
