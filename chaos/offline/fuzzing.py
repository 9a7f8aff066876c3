"""How a handler takes requests that nobody wrote for it.

Each generated sample is one of these: answered, refused cleanly (an error that says it is the client's, or an
unsupported format), raised, or lethal: it hung, crashed, exited, ran out of memory or out of processes; or it grew, by
far more than reading the sample explains. The lethal ones and those that grew are faults, for who may send a request
may then take the worker from all others, and so is a body that is unpickled. An error that is raised costs one client
an answer with a status of 500 where 400 would be right: it is told, and is no fault; neither is an error for want of
memory that the process survives, as by an array that claims to be larger than it is. What is valid by the schema that
was given has to be answered.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chaos.handlers.calls import Run
from chaos.handlers.isolation import Isolated
from chaos.offline.answers import start_of, wrong_with_answer
from chaos.offline.generated import CANARY, VALID, Generated
from chaos.offline.judged import LETHAL, error_of, told
from chaos.offline.pool import Pool
from chaos.offline.results import CheckResult
from chaos.offline.runs import KEPT_BYTES

__all__ = ["Fuzzed", "fuzz", "judge_fuzz"]

GROWN_BYTES = 64 << 20
GROWN_TIMES = 16
"""Reading a body takes several times its size, as text, as Python's objects and as an array."""
MOST_LETHAL = 5
"""After so many nothing more is sent: each may take as long as is allowed, and the verdict is clear."""
MOST_TOLD = 10


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """A sample, its run (of its answer only the beginning), and how it was taken: ``answered``, ``refused``,
    ``raised``, ``grew``, ``unpickled``, or a lethal outcome. ``malformed``: the answer is not of the type it says."""

    generated: Generated
    run: Run
    taken: str
    malformed: bool

    @property
    def fault(self) -> bool:
        """Whether it is the handler's."""
        if self.generated.kind == VALID and self.run.outcome != "ok":
            return True
        return self.taken not in ("answered", "refused", "raised")


def fuzz(pool: Pool, samples: Sequence[Generated], heard: Callable[[int, str], None]) -> list[Fuzzed]:
    """Send them all, in as many processes as the pool has.

    :param heard: is told how many are done, and how the last was taken
    """
    lethal = threading.Semaphore(MOST_LETHAL)

    def one(handler: Isolated, generated: Generated) -> Fuzzed | None:
        if not lethal.acquire(blocking=False):
            return None
        lethal.release()
        sample = generated.sample
        if not handler.alive:
            handler.load()
        before = handler.resident
        run = handler.run(sample.data, sample.content_type, sample.accept)
        malformed = run.outcome == "ok" and bool(wrong_with_answer(run.body, run.content_type))
        taken = _taken(generated, run, before)
        if taken in LETHAL:
            lethal.acquire(blocking=False)
        return Fuzzed(generated, replace(run, body=run.body[:KEPT_BYTES]), taken, malformed)

    found = []
    for number, fuzzed in enumerate(pool.each(one, samples), 1):
        if fuzzed is not None:
            found.append(fuzzed)
            heard(number, f"{fuzzed.generated.kind}: {fuzzed.taken}")
    return found


def judge_fuzz(found: Sequence[Fuzzed], planned: int) -> CheckResult:
    """The check ``generated``."""
    counts = Counter(each.taken for each in found)
    faults = [each for each in found if each.fault]
    kinds: dict[str, Counter[str]] = {}
    for each in found:
        kinds.setdefault(each.generated.kind, Counter())[each.taken] += 1
    raised: dict[tuple[str, str], Fuzzed] = {}  # one for each error and place
    for each in found:
        if each.taken == "raised":
            raised.setdefault((each.run.error_type, each.run.place), each)
    evidence: dict[str, Any] = {
        "samples": len(found),
        "counts": dict(counts),
        "kinds": {kind: dict(count) for kind, count in kinds.items()},
        "faults": [_shown(each) for each in faults[:MOST_TOLD]],
        "raised": [_shown(each) for each in list(raised.values())[:MOST_TOLD]],
    }
    malformed = sum(each.malformed for each in found)
    words = ", ".join(f"{count} {taken}" for taken, count in counts.most_common())
    words = f"of {len(found)} samples {words}"
    words += f"; {malformed} answers are not of the type that they say" if malformed else ""
    if not faults:
        return CheckResult(name="generated", verdict="pass", words=words, evidence=evidence)
    kind, run, taken = faults[0].generated.kind, faults[0].run, faults[0].taken
    what = told(run.outcome, error_of(run), run.place) if run.outcome != "ok" else taken
    words = f"{kind}: {what}, for {start_of(faults[0].generated.sample.data)[:60]!r}; {words}"
    words += f"; {planned - len(found)} were not sent after that" if planned > len(found) else ""
    return CheckResult(
        name="generated",
        verdict="fail",
        words=words,
        estimate=len(faults) / len(found),
        limit=0.0,
        unit="share",
        evidence=evidence,
    )


def _taken(generated: Generated, run: Run, before: int) -> str:
    if CANARY in run.printed or CANARY.encode() in run.body:
        return "unpickled"
    if run.outcome == "memory" and run.error_type == "MemoryError":
        return "raised"
    if run.outcome in LETHAL:
        return run.outcome
    if before and run.memory - before > GROWN_BYTES + GROWN_TIMES * len(generated.sample.data):
        return "grew"
    return "answered" if run.outcome == "ok" else run.outcome


def _shown(fuzzed: Fuzzed) -> dict[str, Any]:
    sample, run = fuzzed.generated.sample, fuzzed.run
    return {
        "kind": fuzzed.generated.kind,
        "content_type": sample.content_type,
        "sent": start_of(sample.data),
        "bytes": len(sample.data),
        "taken": fuzzed.taken,
        "error": error_of(run),
        "place": run.place,
    }
