"""What offline testing of a handler yields: each call as it went, each check with its verdict, and all of it as one
document. The models are what `summary.json` holds, and what Python and pytest get."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chaos.handlers.calls import Outcome
from chaos.sla.results import Verdict, worst

__all__ = [
    "CallResult",
    "CheckResult",
    "CompatibilityResult",
    "InferenceTestResult",
    "MemoryPoint",
    "Outcome",
    "PipelineResult",
    "RunResult",
    "TypeTried",
    "verdict_of",
]


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CallResult(_Result):
    """One call of one function, in isolation.

    ``value`` says what came back, such as ``ndarray float64 (3, 4)``; ``validation`` what is wrong with it; ``place``
    is file and line in the package where it raised. ``seconds`` are of wall time. ``memory`` is the process's resident
    set after the call, in bytes. ``success``: it ended as expected, and nothing is wrong with what came back.
    """

    function: str
    success: bool
    outcome: Outcome
    seconds: float
    sample: str = ""
    content_type: str = ""
    accept: str = ""
    value: str = ""
    validation: tuple[str, ...] = ()
    error: str = ""
    place: str = ""
    memory: int | None = None


class RunResult(_Result):
    """One sample through the whole pipeline. ``functions`` are seconds of wall time by function, ``first`` says that no
    other ran in that process before; ``expected`` that it should succeed. What was sent, and the answer, are kept by
    size and first characters, the answer by its digest (SHA-256) as well."""

    sample: str
    content_type: str
    accept: str
    success: bool
    outcome: Outcome
    seconds: float
    expected: bool = True
    first: bool = False
    functions: dict[str, float] = Field(default_factory=dict)
    sent_bytes: int = 0
    sent_start: str = ""
    answer_type: str = ""
    answer_bytes: int = 0
    answer_digest: str = ""
    answer_start: str = ""
    error: str = ""
    place: str = ""
    memory: int | None = None


class CheckResult(_Result):
    """One check. ``estimate``, ``low``, ``high`` and ``limit`` share the ``unit``; None where there is no number.

    ``not applicable`` where the package has nothing that could be checked; ``words`` is the reason, for a person.
    """

    name: str
    verdict: Literal["pass", "fail", "unknown", "not applicable"]
    words: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    unit: str = ""
    evidence: dict[str, Any] = Field(default_factory=dict)


class MemoryPoint(_Result):
    """The resident set of the handler's process, in bytes, after so many calls."""

    calls: int
    resident: int
    phase: str = ""


class InferenceTestResult(_Result):
    """All that the test of one package found.

    ``overall_success`` only if every check that applies holds; times are seconds of wall time, ``wall`` is when it
    began, in seconds since 1970. ``kind`` tells the documents that are named `summary.json` apart; ``replay`` is the
    command that does it again.
    """

    kind: Literal["handler"] = "handler"
    handler_name: str
    package: str = ""
    overall_success: bool
    verdict: Verdict
    total_execution_time: float
    model_fn_result: CallResult | None = None
    input_fn_results: tuple[CallResult, ...] = ()
    predict_fn_results: tuple[CallResult, ...] = ()
    output_fn_results: tuple[CallResult, ...] = ()
    transform_fn_results: tuple[CallResult, ...] = ()
    end_to_end_results: tuple[RunResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    memory: tuple[MemoryPoint, ...] = ()
    printed: str = ""
    errors: tuple[str, ...] = ()
    limits: dict[str, float] = Field(default_factory=dict)
    seed: int = 0
    wall: float = 0.0
    version: str = ""
    replay: str = ""


class TypeTried(_Result):
    """One output file given to ``input_fn`` as one content type."""

    file: str
    content_type: str
    fits: bool
    call: CallResult


class CompatibilityResult(_Result):
    """Whether what a script writes can be read by a handler: for each file one content type that fits, at least."""

    kind: Literal["compatibility"] = "compatibility"
    script: str
    handler_name: str
    compatible: bool
    script_success: bool
    script_seconds: float = 0.0
    content_type: str = ""
    files: tuple[str, ...] = ()
    tried: tuple[TypeTried, ...] = ()
    printed: str = ""
    error: str = ""
    total_execution_time: float = 0.0
    wall: float = 0.0
    version: str = ""
    replay: str = ""


class PipelineResult(_Result):
    """A graph of scripts and handlers, run in order. ``levels`` are the names of nodes that ran side by side.

    ``nodes`` has a check for each node, ``edges`` one for each edge, by ``source -> destination``.
    """

    kind: Literal["pipeline"] = "pipeline"
    name: str = ""
    pipeline_success: bool
    verdict: Verdict
    total_execution_time: float
    levels: tuple[tuple[str, ...], ...] = ()
    nodes: tuple[CheckResult, ...] = ()
    edges: tuple[CheckResult, ...] = ()
    script_results: dict[str, dict[str, Any]] = Field(default_factory=dict)
    inference_results: dict[str, InferenceTestResult] = Field(default_factory=dict)
    errors: tuple[str, ...] = ()
    wall: float = 0.0
    version: str = ""
    replay: str = ""


def verdict_of(checks: tuple[CheckResult, ...]) -> Verdict:
    """One verdict for all that apply; ``unknown`` if none does."""
    return worst(Verdict(check.verdict) for check in checks if check.verdict != "not applicable")
