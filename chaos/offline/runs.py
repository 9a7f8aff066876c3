"""The whole pipeline: every request in one process that has the machine for itself, so that its times can be believed.

All requests are run once, then those that were answered again, as often as is wanted, as long as that does not take too
long. The first run of a process is told apart: it pays for what is put off until it is needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from chaos.handlers.calls import Run
from chaos.handlers.isolation import Isolated
from chaos.offline.answers import wrong_with_answer
from chaos.offline.judged import LETHAL, excused, run_result, told, unmet_expectation
from chaos.offline.requests import Request
from chaos.offline.results import CheckResult, RunResult

__all__ = ["KEPT_BYTES", "Ran", "RunsFound", "run_once", "run_requests"]

AGAIN_SECONDS = 20.0
"""After so long no request is run again just for its times."""
MOST_LETHAL = 2
"""After so many ends of its process a handler is sent nothing more: each may take as long as is allowed."""
KEPT_BYTES = 1 << 16
"""Of each answer: there are many, and each may be large."""

Heard = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ran:
    """A request, what came of it, and that as a result.

    :param run: its body is cut, see :data:`KEPT_BYTES`
    :param unmet: in which way it is not what its sample says; empty if it is
    :param malformed: what is wrong with the answer
    """

    request: Request
    run: Run
    result: RunResult
    unmet: str
    malformed: tuple[str, ...]


@dataclass(slots=True)
class RunsFound:
    """What came of it: the first pass over all requests, and later ones over those that were answered."""

    requests: Sequence[Request]
    passes: list[list[Ran]] = field(default_factory=list)

    @property
    def all(self) -> list[Ran]:
        """All of them, in their order."""
        return [ran for each in self.passes for ran in each]

    @property
    def answered(self) -> list[Request]:
        """The requests that were answered each time."""
        lost = {id(ran.request) for ran in self.all if ran.run.outcome != "ok"}
        return [ran.request for ran in self.passes[0] if id(ran.request) not in lost] if self.passes else []

    def checks(self) -> list[CheckResult]:
        """``pipeline``: what should be answered is, and nothing ends the process; ``samples``: as each of them says."""
        return [self._pipeline(), self._samples()]

    def _pipeline(self) -> CheckResult:
        if not self.requests:
            return CheckResult(name="pipeline", verdict="unknown", words="there are no samples to send")
        runs = self.all
        sent = {id(ran.request) for ran in runs}
        left_out = sum(id(request) not in sent for request in self.requests)
        evidence = {"requests": len(self.requests), "runs": len(runs), "left_out": left_out}
        wrong = [
            ran
            for ran in runs
            if ran.malformed or ran.run.outcome in LETHAL or not (ran.result.success or ran.unmet)
        ]
        if wrong:
            first = wrong[0]
            problem = next(
                iter(first.malformed), told(first.run.outcome, first.result.error, first.run.place)
            )
            words = (
                f"{len(wrong)} of {len(runs)} runs did not go as they should: {first.request.words} {problem}"
            )
            words += f"; {left_out} requests were not sent after that" if left_out else ""
            return CheckResult(name="pipeline", verdict="fail", words=words, evidence=evidence)
        words = "its run went as it should" if len(runs) == 1 else f"all {len(runs)} runs went as they should"
        refused = {
            ran.request.accept
            for ran in self.passes[0]
            if ran.run.outcome != "ok" and not ran.request.required
        }
        if refused:
            words += f"; not all is answered as {', '.join(sorted(refused))}, which nobody promised"
        return CheckResult(name="pipeline", verdict="pass", words=words, evidence=evidence)

    def _samples(self) -> CheckResult:
        said = [
            ran
            for ran in (self.passes[0] if self.passes else [])
            if not ran.request.sample.should_succeed
            or (ran.request.main and ran.request.sample.expected is not None)
        ]
        if not said:
            words = "no sample says more than that it should succeed"
            return CheckResult(name="samples", verdict="not applicable", words=words)
        wrong = [ran for ran in said if ran.unmet]
        if wrong:
            first = wrong[0]
            words = f"{len(wrong)} of {len(said)} did not turn out as they say: {first.request.words} {first.unmet}"
            return CheckResult(name="samples", verdict="fail", words=words)
        many = f"all {len(said)} that say" if len(said) > 1 else "the one that says"
        return CheckResult(name="samples", verdict="pass", words=f"{many} how they should end did so")


def run_requests(handler: Isolated, requests: Sequence[Request], repeats: int, heard: Heard) -> RunsFound:
    """Run them all, in a process that was just loaded.

    :param repeats: how often those that were answered are run again
    :param heard: is told of each run of the first pass
    """
    found = RunsFound(requests)
    found.passes.append(_first_pass(handler, requests, heard))
    end = time.monotonic() + AGAIN_SECONDS
    for _ in range(repeats):
        again: list[Ran] = []
        for request in found.answered:
            if time.monotonic() > end:
                break
            ran = run_once(handler, request)
            if ran.run.outcome != "ok":  # whatever it may be, it was answered before
                ran = replace(ran, result=ran.result.model_copy(update={"success": False}))
            again.append(ran)
        if not again:
            break
        found.passes.append(again)
    return found


def run_once(handler: Isolated, request: Request, first: bool = False) -> Ran:
    """Run one request."""
    run = handler.run(request.sample.data, request.sample.content_type, request.accept)
    malformed = wrong_with_answer(run.body, run.content_type) if run.outcome == "ok" else ()
    unmet = unmet_expectation(run, request)
    result = run_result(run, request, first or run.restarted, well=not malformed and not unmet)
    if len(run.body) > KEPT_BYTES:
        run = replace(run, body=run.body[:KEPT_BYTES])
    return Ran(request, run, result, unmet, malformed)


def _first_pass(handler: Isolated, requests: Sequence[Request], heard: Heard) -> list[Ran]:
    found: list[Ran] = []
    lethal = 0
    for _, group in groupby(requests, key=lambda request: id(request.sample)):
        of_sample: list[Ran] = []
        for request in group:
            if lethal >= MOST_LETHAL or any(ran.run.outcome in LETHAL for ran in of_sample):
                break
            ran = run_once(handler, request, first=not found and not of_sample)
            lethal += ran.run.outcome in LETHAL
            of_sample.append(ran)
            heard(request.words)
        if of_sample and of_sample[0].request.sample.should_succeed:
            results = excused([ran.result for ran in of_sample])
            of_sample = [replace(ran, result=result) for ran, result in zip(of_sample, results, strict=True)]
        found += of_sample
    return found
