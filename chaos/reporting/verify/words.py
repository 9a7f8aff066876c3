"""Programs and their failures in words, the same on the terminal, in the page, in JUnit and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from chaos.operations.program import Concurrent, Inject, Operation, Quiesce, Revert, Step
from chaos.reporting.verify.failures import FailureSummary
from chaos.reporting.words import NOTHING, quantity
from chaos.sla.rates import Rate

__all__ = ["again_said", "failure_said", "lane_letter", "numbered", "rate_said", "speed_said", "steps_said"]

LOST = {
    "answered": ", letting go of the answer when it comes, and asking again",
    "early": ", waiting for no answer, and asking again",
}


def steps_said(steps: Sequence[Step]) -> list[str]:
    """Each step of a program as a person reads it, without its number."""
    faults = {step.id: step.inject for step in steps if isinstance(step, Inject)}
    return [_step(step, faults) for step in steps]


def numbered(said: Sequence[str]) -> str:
    """Steps below each other, with their numbers from 1."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(said, start=1))


def lane_letter(place: int) -> str:
    """What a lane of several is called, by its place from 0: ``a``, ``b``, and after ``z`` ``aa``, ``bb``."""
    return chr(ord("a") + place % 26) * (place // 26 + 1)


def rate_said(rate: Rate) -> str:
    """How often something came, with the 95 % interval of its share: ``5 of 5 times (48 % to 100 %)``."""
    if rate.interval is None:
        return "in no run, as there was none"
    low, high = (quantity(round(value, 2), "share") for value in rate.interval)
    return f"{rate.count} of {rate.n} times ({low} to {high})"


def speed_said(rate: float | None) -> str:
    """Operations per second; a dash if there were none."""
    return NOTHING if rate is None else f"{rate:.1f} operations/s"


def failure_said(failure: FailureSummary) -> str:
    """What failed, and what was found, in a sentence."""
    words = failure.words
    more = f", and {len(words) - 1} more" if len(words) > 1 else ""
    return f"{failure.check}: {words[0] if words else 'the run that failed is not in the history'}{more}"


def again_said(failure: FailureSummary) -> list[str]:
    """How often it comes again, and how small it was made: a few sentences."""
    found, size = failure.program.size, failure.smallest.size
    if not failure.ended:
        left = f"It was at {_things(size)} of {found} by then. " if size < found else ""
        return [f"The verification broke off before it was known how often it comes again. {left}".rstrip()]
    if not failure.reproduced:
        times = "once" if failure.again.n == 1 else f"{failure.again.n} times"
        return [
            f"It did not come again when the program was run {times} more, so nothing was made smaller.",
            "What is shown is the run in which it was found.",
        ]
    said = [f"Run again as it was found, it failed {rate_said(failure.again)}."]
    runs = f"{failure.runs} {'run' if failure.runs == 1 else 'runs'}"
    if size < found:
        words = (
            f"Made smaller in {runs}, from {_things(found)} to {size}, it fails {rate_said(failure.rate)}."
        )
        said.append(words)
    elif failure.whole:
        said.append(f"It does not get smaller: {runs} were tried.")
    if not failure.whole:
        said.append(f"Something smaller may be left: making it smaller was ended after {runs}.")
    return said


def _step(step: Step, faults: dict[str, str]) -> str:
    match step:
        case Operation():
            return _operation(step)
        case Concurrent(concurrent=lanes):
            return _lanes(lanes)
        case Inject(inject=name, arguments=arguments):
            given = ", ".join(
                f"{key} {value}" for key, value in arguments.items() if key != "model" and value
            )
            on = f" on {arguments['model']}" if arguments.get("model") else ""
            return f"inject {name}{on}" + (f" ({given})" if given else "")
        case Revert(revert=lease):
            return f"revert {faults.get(lease, lease)}"
        case Quiesce():
            return "wait until nothing moves"


def _operation(operation: Operation) -> str:
    do, model, workers = operation.do, operation.model, operation.workers
    words = f"{do} {model}".strip()
    match do:
        case "register" | "load":
            words += f" with {workers} {'worker' if workers == 1 else 'workers'}"
            words += f" (package '{operation.package}')" if operation.package != "good" else ""
            words += f", in batches of {operation.batch}" if operation.batch > 1 else ""
        case "scale":
            words += f" to {workers}"
        case "infer" | "pause":
            words += f" for {operation.milliseconds:g} ms" if operation.milliseconds else ""
    return words + LOST.get(operation.lose, "")


def _lanes(lanes: Sequence[Sequence[Operation]]) -> str:
    """Equal lanes beside each other are said once."""
    texts = [", then ".join(_operation(each) for each in lane) for lane in lanes]
    if len(texts) == 1:
        return texts[0]
    if len(set(texts)) == 1:
        return f"{len(texts)} times at once: {texts[0]}"
    said, place = [], 0
    for text, group in groupby(texts):
        last = place + len([*group]) - 1
        letters = lane_letter(place) if last == place else f"{lane_letter(place)} to {lane_letter(last)}"
        said.append(f"({letters}) {text}")
        place = last + 1
    return "at once: " + "; ".join(said)


def _things(size: int) -> str:
    return "1 operation or fault" if size == 1 else f"{size} operations and faults"
