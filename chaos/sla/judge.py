"""Judging a probe: each of its objectives in each phase gets a verdict with its evidence.

An absolute objective states what happened in a window, so its estimate is compared with the limit. One that
is relative to the baseline compares two samples, so its whole confidence interval has to be on one
side of the limit; what the harness's own noise could explain is no failure but ``unknown``.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chaos.sla import statistics
from chaos.sla.documents import Objective, ProbeDocument
from chaos.sla.results import ObjectiveResult, Verdict, Window
from chaos.sla.samples import Phase, Samples, split
from chaos.sla.statistics import Estimate, Indicator
from chaos.sla.words import measured, quantity
from chaos.traffic.spec import Outcome

__all__ = ["judge"]

UNITS = {"availability": "share", "correctness": "share", "latency": "s", "throughput": "1/s"}


class _CannotTellError(Exception):
    """The run does not hold what a verdict needs; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One objective in one phase, with what it is judged by."""

    probe: ProbeDocument
    objective: Objective
    phase: str
    phases: Mapping[str, Phase]
    nulls: Mapping[str, Phase]

    def indicator(self, phase: str) -> Indicator:
        """The objective's indicator in a phase."""
        data = self.phases[phase]
        match self.objective.sli:
            case "availability":
                return statistics.availability(data)
            case "correctness":
                return statistics.correctness(data)
            case "throughput":
                return statistics.throughput(data)
            case "latency":
                return statistics.latency(data, self.objective.quantile or 0.0, self.probe.timeout)

    def n(self) -> int:
        """The number of requests that the objective is about."""
        if self.phase not in self.phases:
            return 0
        samples = self.phases[self.phase].samples
        if self.objective.sli == "correctness":
            return int(samples.count[np.isin(samples.outcome, (Outcome.OK, Outcome.WRONG))].sum())
        return samples.n

    def good(self) -> int:
        """How many of its requests were answered rightly."""
        samples = self.phases[self.phase].samples
        return int(samples.count[samples.outcome == Outcome.OK].sum())


def judge(
    probe: ProbeDocument, samples: Samples, windows: Sequence[Window], null: Samples, *, seed: int = 0
) -> list[ObjectiveResult]:
    """Judge every objective of a probe in every phase that it is to be judged in.

    :param samples: the probe's requests
    :param windows: the phases as they were; one that an objective names and that is missing is ``unknown``
    :param null: the requests of the null probe, the harness's own noise
    :param seed: of the run; the same history always yields the same intervals
    """
    phases, nulls = split(samples, windows), split(null, windows)
    return [
        _judged(_Case(probe, objective, phase, phases, nulls), seed)
        for objective in probe.objectives
        for phase in objective.phases
        if not (objective.relative and phase == "baseline")
    ]


def _judged(case: _Case, seed: int) -> ObjectiveResult:
    objective = case.objective
    blank = ObjectiveResult(
        probe=case.probe.name,
        objective=objective.name,
        phase=case.phase,
        verdict=Verdict.UNKNOWN,
        estimate=None,
        low=None,
        high=None,
        n=0,
        limit=objective.limit,
        upper=objective.upper,
        unit="ratio" if objective.relative else UNITS[objective.sli],
        reason="",
    )
    try:
        blank = replace(blank, n=case.n())
        return _with_verdict(case, blank, _evidence(case, seed))
    except _CannotTellError as error:
        return replace(blank, reason=f"{objective.name} cannot be judged: {error}")
    except Exception as error:
        # As Jepsen's check-safe: a check that crashes knows nothing, and says so.
        return replace(blank, reason=f"{objective.name} was not judged: {error!r} (please report this)")


def _evidence(case: _Case, seed: int) -> Estimate:
    """The indicator, or its ratio to the baseline, with its interval."""
    _need_samples(case)
    key = zlib.crc32(f"{case.probe.name}/{case.objective.name}/{case.phase}".encode())
    rng = np.random.default_rng([seed, key])
    if case.objective.relative:
        estimate = statistics.ratio(case.indicator(case.phase), case.indicator("baseline"), rng)
    elif case.objective.sli in ("availability", "correctness"):
        estimate = statistics.proportion(case.good(), case.n())
    else:
        estimate = statistics.interval(case.indicator(case.phase), rng)
    if estimate is None:
        raise _CannotTellError("in the baseline it is zero, so there is nothing to compare with")
    return estimate


def _need_samples(case: _Case) -> None:
    """Refuse to judge what was not, or too little, measured."""
    objective = case.objective
    needed = ["baseline", case.phase] if objective.relative else [case.phase]
    for phase in needed:
        if phase not in case.phases:
            raise _CannotTellError(f"the {phase} phase never happened")
        n = replace(case, phase=phase).n()
        if n == 0:
            kind = "answered request" if objective.sli == "correctness" else "request"
            raise _CannotTellError(f"not one {kind} in the {phase} phase")
        if objective.quantile is None:
            continue
        enough = int(np.ceil(round(1 / (1 - objective.quantile), 6)))
        if objective.relative:
            enough = max(enough, statistics.quantile_needs(objective.quantile))
        if n < enough:
            raise _CannotTellError(
                f"{n} requests in the {phase} phase, and it takes at least {enough} (raise the rate, or measure longer)"
            )


def _with_verdict(case: _Case, blank: ObjectiveResult, estimate: Estimate) -> ObjectiveResult:
    objective = case.objective
    verdict = _compared(objective, estimate)
    result = replace(blank, verdict=verdict, estimate=estimate.value, low=estimate.low, high=estimate.high)
    said = f"{objective.name.removesuffix(' ratio')} was {measured(result)}"
    if verdict is Verdict.UNKNOWN:
        return replace(result, reason=f"{said}: the interval includes the limit, too close to tell")
    if verdict is Verdict.FAIL and objective.sli == "latency":
        noise = _noise(case)
        if _compared(objective, _without(case, estimate, noise)) is not Verdict.FAIL:
            said += (
                f", but the harness itself was up to {quantity(noise, 's')} slow then, which could explain it"
            )
            return replace(result, verdict=Verdict.UNKNOWN, reason=said)
    if verdict is Verdict.PASS and objective.relative and objective.sli == "latency":
        hidden = _unmasked(case, estimate)
        if _compared(objective, hidden) is Verdict.FAIL:
            said += (
                f", but the harness itself was slow in the baseline: without that it could be "
                f"{quantity(hidden.value, 'ratio')} times"
            )
            return replace(result, verdict=Verdict.UNKNOWN, reason=said)
    return replace(result, reason=said + _failures(case))


def _compared(objective: Objective, estimate: Estimate) -> Verdict:
    """On which side of the limit the evidence is: the estimate, or for a ratio the whole interval."""
    if objective.relative:
        best, worst = estimate.low, estimate.high
    else:
        best = worst = estimate.value
    if not objective.upper:
        # Seen in a mirror a lower limit is an upper one.
        best, worst = -worst, -best
    limit = objective.limit if objective.upper else -objective.limit
    if worst <= limit:
        return Verdict.PASS
    return Verdict.FAIL if best > limit else Verdict.UNKNOWN


def _noise(case: _Case) -> float:
    """Seconds of a latency quantile that the harness itself may account for, by the null probe.

    Of an absolute latency that is all of the null probe's, at the same quantile; of a ratio its
    excess over its own baseline, as the rest is in the probe's baseline as well.
    """
    here = _at(case, case.nulls[case.phase]) if case.phase in case.nulls else 0.0
    if not case.objective.relative or "baseline" not in case.nulls:
        return here
    return max(here - _at(case, case.nulls["baseline"]), 0.0)


def _without(case: _Case, estimate: Estimate, noise: float) -> Estimate:
    """The estimate less the noise: quantiles are subtracted, which takes all of it for the harness's fault."""
    part = noise / case.indicator("baseline").value if case.objective.relative else noise
    return Estimate(estimate.value - part, estimate.low - part, estimate.high - part)


def _unmasked(case: _Case, estimate: Estimate) -> Estimate:
    """The ratio to a baseline less the harness's own noise in it: a noisy baseline must not hide a failure."""
    baseline = case.indicator("baseline").value
    null = case.nulls.get("baseline")
    noise = 0.0 if null is None else _at(case, null)
    factor = baseline / max(baseline - noise, baseline / 100)
    return Estimate(estimate.value * factor, estimate.low * factor, estimate.high * factor)


def _at(case: _Case, null: Phase) -> float:
    """The null probe's latency at the objective's quantile, in seconds; 0 if it was not measured."""
    value = statistics.latency(null, case.objective.quantile or 0.0, case.probe.timeout).value
    return float(np.nan_to_num(value))


def _failures(case: _Case) -> str:
    """What an indicator does not show by itself: failures behind a latency, and requests never answered."""
    samples = case.phases[case.phase].samples
    failed, lost, notes = samples.n - case.good(), samples.lost, ""
    if failed and case.objective.sli == "latency":
        notes += f"; {failed} of {samples.n} requests failed and count as slower than any answer"
    if lost and case.objective.sli != "correctness":
        notes += f"; {lost} never completed"
    return notes
