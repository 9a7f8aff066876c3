"""``verify.json``: what one verification found, as a document with a published JSON Schema.

What was not measured is null, and no number is NaN or infinite.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from chaos.reporting.verify.summary import FailureSummary, VerifySummary
from chaos.reporting.verify.words import steps_said
from chaos.sla.results import Verdict

__all__ = ["VerifyDocument", "verify_document"]

DIGITS = 3
"""Decimals of a duration: milliseconds."""

Steps = list[dict[str, Any]]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RateEntry(_Part):
    """So many of so many runs."""

    count: int = Field(ge=0)
    n: int = Field(ge=0)
    share: FiniteFloat | None
    low: FiniteFloat | None = Field(description="lower bound of the share's 95 % confidence interval")
    high: FiniteFloat | None = Field(description="upper bound of the share's 95 % confidence interval")


class ViolationEntry(_Part):
    """What a check found in the last run that failed."""

    check: str
    words: str
    step: int = Field(description="from 0; -1 at the end")
    calls: tuple[int, ...] = Field(description="numbers of the operations concerned")
    verdict: Verdict


class FailureEntry(_Part):
    """A program that failed."""

    check: str
    reproduced: bool = Field(description="whether it came again when it was run again as it was found")
    confirmed: bool = Field(description="whether confirming it came to its end; if not, rates are of nothing")
    program: Steps = Field(description="the steps as they were found")
    smallest: Steps = Field(description="what is left of them; the same where it did not come again")
    said: tuple[str, ...] = Field(description="the steps of the smallest, in words")
    again: RateEntry = Field(description="how often the program failed again as it was found")
    rate: RateEntry = Field(description="how often the smallest fails")
    runs: int = Field(ge=0, description="that it took to make it smaller")
    whole: bool = Field(description="whether nothing smaller was left to be tried")
    violations: tuple[ViolationEntry, ...]
    counterexample: str = Field(
        description="the file that replays it with `chaos run`, beside this one; or empty"
    )


class PointEntry(_Part):
    """A point of coverage: how often an operation was asked so, and ended so."""

    operation: str
    state: str = Field(description="of its model, before it")
    company: str = Field(description="alone, or beside others")
    fault: str = Field(description="in force meanwhile")
    outcome: str
    times: int = Field(ge=0)


class CoverageEntry(_Part):
    """What was reached."""

    programs: int = Field(ge=0)
    operations: int = Field(ge=0)
    points: tuple[PointEntry, ...]


class MemoryEntry(_Part):
    """What the harness held after so many examples."""

    examples: int = Field(ge=0)
    rss: int = Field(ge=0, description="bytes")


class VerifyDocument(_Part):
    """What one verification found."""

    run: str
    seed: int
    target: str
    defects: tuple[str, ...]
    profile: str
    version: str
    started: str = Field(json_schema_extra={"format": "date-time"})
    seconds: FiniteFloat = Field(ge=0)
    verdict: Verdict = Field(description="a pass only if every program that was planned ran and passed")
    reason: str
    replay: str = Field(description="the command that verifies again with the same seed")
    ended: str = Field(description="completed, why not, or empty if it broke off")
    planned: int = Field(ge=0, description="programs that were asked for")
    examples: int = Field(ge=0, description="programs that ran")
    steps: int = Field(ge=0, description="of a program, at most")
    operations: int = Field(ge=0, description="of the programs that were drawn")
    rate: FiniteFloat | None = Field(description="operations per second while these ran")
    checks: tuple[str, ...]
    faults: tuple[str, ...]
    failures: tuple[FailureEntry, ...]
    unknown: tuple[str, ...] = Field(description="what could not be told")
    problems: tuple[str, ...] = Field(description="what a reader should know of the run itself")
    coverage: CoverageEntry
    memory: tuple[MemoryEntry, ...]


def verify_document(summary: VerifySummary) -> dict[str, Any]:
    """The verification as JSON values, valid against ``schemas/verify.schema.json``."""
    document = VerifyDocument(
        run=summary.run_id,
        seed=summary.seed,
        target=summary.target,
        defects=summary.defects,
        profile=summary.profile,
        version=summary.version,
        started=datetime.fromtimestamp(summary.wall, UTC).isoformat(timespec="milliseconds"),
        seconds=round(summary.seconds, DIGITS),
        verdict=summary.verdict,
        reason=summary.reason,
        replay=summary.replay,
        ended=summary.ended,
        planned=summary.planned,
        examples=len(summary.examples),
        steps=summary.steps,
        operations=summary.operations,
        rate=None if summary.rate is None else round(summary.rate, DIGITS),
        checks=summary.checks,
        faults=summary.faults,
        failures=tuple(_failure(failure) for failure in summary.failures),
        unknown=summary.unknown,
        problems=summary.problems,
        coverage=CoverageEntry.model_validate(summary.coverage.document()),
        memory=tuple(MemoryEntry(examples=each.examples, rss=each.rss) for each in summary.memory),
    )
    return document.model_dump(mode="json")


def _failure(failure: FailureSummary) -> FailureEntry:
    return FailureEntry(
        check=failure.check,
        reproduced=failure.reproduced,
        confirmed=failure.ended,
        program=failure.program.document(),
        smallest=failure.smallest.document(),
        said=tuple(steps_said(failure.smallest.steps)),
        again=RateEntry(**failure.again.document()),
        rate=RateEntry(**failure.rate.document()),
        runs=failure.runs,
        whole=failure.whole,
        violations=tuple(ViolationEntry(**each.document()) for each in failure.violations),
        counterexample=failure.counterexample,
    )
