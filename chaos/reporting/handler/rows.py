"""What samples and single calls came to, folded to rows that a reader can look through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from chaos.offline.results import CallResult, InferenceTestResult, RunResult
from chaos.reporting.handler.words import ENDED

__all__ = ["MOST_ROWS", "FunctionRow", "SampleRow", "function_rows", "sample_rows"]

MOST_ROWS = 200
"""Of samples, on one page; those that did not go as they should come first."""
MOST_CALLS = 20


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One sample as one content type, asked for as one type: all its runs.

    ``shown`` is the first run that did not go as it should, or else the first of all.
    """

    runs: tuple[RunResult, ...]

    @property
    def shown(self) -> RunResult:
        """The one that tells most."""
        return next((run for run in self.runs if not run.success), self.runs[0])

    @property
    def success(self) -> bool:
        """Whether all went as they should."""
        return all(run.success for run in self.runs)

    @property
    def seconds(self) -> float:
        """The median."""
        return median(run.seconds for run in self.runs)

    @property
    def said(self) -> str:
        """How it went."""
        run = self.shown
        words = ENDED[run.outcome]
        if run.success and not run.expected:
            words += ", as expected"
        elif not run.expected and run.outcome == "ok":
            words += ", and should have been refused"
        elif not run.success and run.outcome == "ok":
            words += " otherwise than expected"
        count = len(self.runs)
        if count > 1:
            bad = sum(not each.success for each in self.runs)
            words += f", {bad} of {count} times" if 0 < bad < count else f", {count} times"
        return words


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One function called alone: how its calls ended, and those that did not go as they should, the first of them."""

    function: str
    calls: tuple[CallResult, ...]

    @property
    def ended(self) -> str:
        """Such as ``12 answered, 2 refused``."""
        outcomes = [call.outcome for call in self.calls]
        return ", ".join(
            f"{outcomes.count(outcome):,} {words}" for outcome, words in ENDED.items() if outcome in outcomes
        )

    @property
    def wrong(self) -> list[CallResult]:
        """Those that did not go as they should."""
        return [call for call in self.calls if not call.success][:MOST_CALLS]

    @property
    def values(self) -> str:
        """What came back, each kind once."""
        found = list(dict.fromkeys(call.value for call in self.calls if call.value))
        return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")

    @property
    def success(self) -> bool:
        """Whether all went as they should."""
        return all(call.success for call in self.calls)


def sample_rows(runs: Iterable[RunResult]) -> list[SampleRow]:
    """One for each sample, content type and accept; those that did not go as they should first."""
    found: dict[tuple[str, str, str], list[RunResult]] = {}
    for run in runs:
        found.setdefault((run.sample, run.content_type, run.accept), []).append(run)
    rows = [SampleRow(tuple(each)) for each in found.values()]
    return sorted(rows, key=lambda row: row.success)


def function_rows(result: InferenceTestResult) -> list[FunctionRow]:
    """One for each function that was called alone, in the order of a request."""
    model: Sequence[CallResult] = () if result.model_fn_result is None else (result.model_fn_result,)
    calls = {
        "model_fn": model,
        "input_fn": result.input_fn_results,
        "predict_fn": result.predict_fn_results,
        "output_fn": result.output_fn_results,
        "transform_fn": result.transform_fn_results,
    }
    return [FunctionRow(name, tuple(found)) for name, found in calls.items() if found]
