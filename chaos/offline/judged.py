"""Calls and runs as results: whether each ended as it should, and what is wrong if not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

from chaos.handlers.calls import Call, Outcome, Run
from chaos.offline.answers import start_of, unlike
from chaos.offline.requests import Request
from chaos.offline.results import CallResult, RunResult

__all__ = ["LETHAL", "call_result", "error_of", "excused", "run_result", "told", "unmet_expectation"]

Result = TypeVar("Result", CallResult, RunResult)

LETHAL: frozenset[Outcome] = frozenset({"timeout", "memory", "crashed", "exited", "processes"})
"""Outcomes by which a server loses its worker, or as good as."""


def error_of(call: Call | Run) -> str:
    """What went wrong, with the class of the error where a function raised it."""
    known = call.error_type if call.error_type not in ("", "DocumentError", "SystemExit") else ""
    return f"{known}: {call.error}" if known and call.error else known or call.error


def told(outcome: Outcome, error: str, place: str) -> str:
    """How a call ended, after the name of what was called, in one line."""
    where = f" ({place})" if place else ""
    words = " ".join(error.split())
    verb = {"refused": "refused: ", "raised": "raised ", "memory": "ran out of memory: "}.get(outcome, "")
    return f"{verb}{words}{where}" if outcome != "ok" else "answered"


def call_result(call: Call, request: Request, wrong: tuple[str, ...]) -> CallResult:
    """A call of one function for one sample. One that should not succeed may fail at any of them; which answers are
    required is a matter of the functions that give them."""
    sample = request.sample
    required = request.required or call.function not in ("output_fn", "transform_fn")
    may = ("ok",) if sample.should_succeed and required else ("ok", "refused", "raised")
    return CallResult(
        function=call.function,
        success=call.outcome in may and not wrong,
        outcome=call.outcome,
        seconds=call.seconds,
        sample=sample.sample_name,
        content_type=sample.content_type,
        accept=request.accept,
        value=call.value.words if call.value is not None else "",
        validation=wrong,
        error=error_of(call),
        place=call.place,
        memory=call.memory or None,
    )


def run_result(run: Run, request: Request, first: bool, well: bool) -> RunResult:
    """A run of the whole pipeline, judged by itself; whether the sample was answered at all is not its matter.

    :param first: no other ran in its process before
    :param well: nothing is wrong with the answer, and it is as the sample says
    """
    sample = request.sample
    success = well
    if run.outcome != "ok" and sample.should_succeed:
        success = not request.required and run.outcome not in LETHAL
    return RunResult(
        sample=sample.sample_name,
        content_type=sample.content_type,
        accept=request.accept,
        success=success,
        outcome=run.outcome,
        seconds=run.seconds,
        expected=sample.should_succeed,
        first=first,
        functions=run.functions,
        sent_bytes=len(sample.data),
        sent_start=start_of(sample.data),
        answer_type=run.content_type,
        answer_bytes=len(run.body),
        answer_digest=sha256(run.body).hexdigest() if run.outcome == "ok" else "",
        answer_start=start_of(run.body),
        error=error_of(run),
        place=run.place,
        memory=run.memory or None,
    )


def excused(results: Sequence[Result]) -> list[Result]:
    """The results of the requests of one sample that should succeed: if none was answered, none is excused."""
    if any(result.outcome == "ok" for result in results):
        return list(results)
    return [result.model_copy(update={"success": False}) for result in results]


def unmet_expectation(run: Run, request: Request) -> str:
    """In which way a run is not what its sample says that it should be; empty if it is, or nothing is said."""
    sample = request.sample
    if sample.should_succeed:
        if sample.expected is None or not request.main or run.outcome != "ok":
            return ""
        apart = unlike(sample.expected, run.body)
        return f"the answer is not the expected one, {apart}" if apart else ""
    if run.outcome == "ok":
        return "was answered, and should not be"
    if run.outcome in LETHAL:
        return f"should fail by an error, and {told(run.outcome, run.error, run.place)}"
    pattern = sample.error_pattern
    if pattern is not None and not re.search(pattern, error_of(run)):
        return f"failed by {error_of(run)!r}, in which {pattern!r} is not found"
    return ""
