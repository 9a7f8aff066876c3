"""From a history to a summary: a pure function, so that an old run can be judged and reported again.

A pass has to be earned: the run went to its end, a fault was in force, and every objective and check held. Whatever
is missing for that makes it ``unknown``, whatever contradicts it a fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaos.checks.judging import judge_checks
from chaos.checks.results import CheckResult
from chaos.history import Event
from chaos.recording import PHASES, FaultInterval, Recording, record
from chaos.sla.judge import judge
from chaos.sla.results import Noise, ObjectiveResult, Verdict, Window, worst
from chaos.sla.samples import split
from chaos.sla.statistics import latency
from chaos.sla.words import measured, quantity
from chaos.traffic.histogram import BUCKETS, quantile_of

__all__ = ["FaultInterval", "Summary", "analyse"]

NULL_TIMEOUT = 5.0
"""Seconds that a failed request of the null probe counts as; it never fails unless the harness does."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What ``summary.json`` holds. ``reason`` is the verdict in words; ``problems`` what casts doubt on it.

    ``start`` and ``wall`` are the same instant on the monotonic and on the wall clock.
    """

    verdict: Verdict
    reason: str
    seed: int
    target: str
    defects: tuple[str, ...]
    run_id: str
    title: str
    replay: str
    version: str
    wall: float
    start: float
    seconds: float
    windows: tuple[Window, ...]
    objectives: tuple[ObjectiveResult, ...]
    checks: tuple[CheckResult, ...]
    faults: tuple[FaultInterval, ...]
    noise: tuple[Noise, ...]
    guards: tuple[dict[str, Any], ...]
    problems: tuple[str, ...]

    @property
    def left(self) -> tuple[FaultInterval, ...]:
        """The faults that could not be reverted, and may still be in force."""
        return tuple(fault for fault in self.faults if fault.left)


def analyse(events: list[Event]) -> Summary:
    """Judge a history. A history that broke off is judged as far as it goes, and is never a pass.

    :raises RunDirectoryError: if it does not begin with a ``run`` event, or cannot be understood
    """
    recording = record(events)
    run, null = recording.run, recording.null()
    objectives = tuple(
        result
        for probe in recording.probes
        for result in judge(probe, recording.samples(probe), recording.windows, null, seed=int(run["seed"]))
    )
    checks = judge_checks(events, recording)
    doubts = tuple(_doubts(recording))
    verdict, reason = _conclusion(recording, objectives, checks, doubts)
    for told in _left(recording):
        # Whatever else there is to say: whoever reads one sentence has to read this.
        reason += "" if verdict is Verdict.UNKNOWN else f" {_capital(told).rstrip('.')}."
    return Summary(
        verdict=verdict,
        reason=reason,
        seed=int(run["seed"]),
        target=run["target"],
        defects=tuple(run["defects"]),
        run_id=run["run_id"],
        title=run["title"],
        replay=run["replay"],
        version=run["version"],
        wall=run["wall"],
        start=run["at"],
        seconds=recording.last - run["at"],
        windows=recording.windows,
        objectives=objectives,
        checks=checks,
        faults=recording.faults,
        noise=_noise(recording),
        guards=recording.guards,
        problems=doubts,
    )


def _doubts(recording: Recording) -> Iterator[str]:
    """What keeps a run from being a pass even if all of its objectives held; the gravest first."""
    yield from _left(recording)
    for fault in recording.faults:
        if fault.injected is None:
            yield f"{_named(fault)} was not injected, so the hypothesis was not tested{_because(fault)}"
        elif fault.id in recording.failed:
            yield f"{_named(fault)} was not in force as planned, so the hypothesis was not tested{_because(fault)}"
        if fault.injected is not None and fault.reverted is None and not fault.left:
            yield f"{_named(fault)} was injected, and nothing says that it was reverted"
    if recording.end is None:
        yield "the run broke off: its history has no end"
    elif recording.end["status"] != "completed":
        why = recording.end.get("reason")
        yield f"the experiment ended as '{recording.end['status']}'" + (f": {why}" if why else "")
    yield from recording.problems
    if not recording.faults:
        yield "no fault was injected, so the hypothesis was not tested"


def _left(recording: Recording) -> Iterator[str]:
    """The faults that could not be reverted, and what to do about each by hand."""
    for fault in recording.faults:
        if fault.left:
            yield f"{_named(fault)} could not be reverted, and may still be in force: {fault.left}"


def _named(fault: FaultInterval) -> str:
    return f"fault {fault.id} ({fault.fault}" + (f" on '{fault.model}')" if fault.model else ")")


def _because(fault: FaultInterval) -> str:
    return f": {fault.reason}" if fault.reason else ""


def _conclusion(
    recording: Recording,
    objectives: tuple[ObjectiveResult, ...],
    checks: tuple[CheckResult, ...],
    doubts: tuple[str, ...],
) -> tuple[Verdict, str]:
    """The verdict on the run, and why, in a sentence a person would say."""
    # Checks stand beside objectives, and never in their place.
    judged = worst([worst(result.verdict for result in objectives), *(result.verdict for result in checks)])
    if judged is Verdict.FAIL:
        return judged, _said(objectives, checks, Verdict.FAIL)
    if recording.guards:
        guard = recording.guards[0]
        at = guard["at"] - recording.run["at"]
        return Verdict.FAIL, (
            f"A guard of '{guard['probe']}' stopped the fault after {quantity(at, 's')} of the run: "
            f"the error budget burned at {quantity(guard['burn'], '')} times the rate it allows."
        )
    held = (
        f"All {len(objectives)} objectives"
        + (f" and {_count(len(checks), 'check')}" if checks else "")
        + " held"
    )
    if recording.end is not None and recording.end["deviated"] and judged is Verdict.PASS:
        return Verdict.FAIL, f"{held}, but Chaos Toolkit's own hypothesis deviated."
    if doubts:
        return Verdict.UNKNOWN, f"{_capital(doubts[0]).rstrip('.')}."
    if judged is Verdict.UNKNOWN:
        return judged, _said(objectives, checks, Verdict.UNKNOWN)
    return judged, f"{held} while {_what_ran(recording.faults)}."


def _said(objectives: tuple[ObjectiveResult, ...], checks: tuple[CheckResult, ...], verdict: Verdict) -> str:
    """The first result of that verdict, and how many more there are.

    Checks come first, as they say what went wrong and not only who felt it; then objectives in the fault.
    """
    how = "failed" if verdict is Verdict.FAIL else "could not be told"
    told = [f"Check {check.name} {how}: {check.reason}." for check in checks if check.verdict is verdict]
    order = ("fault", "recovery", "baseline")
    found = sorted((r for r in objectives if r.verdict is verdict), key=lambda r: order.index(r.phase))
    if not told and not found:
        return "No probe has objectives, so nothing was judged."
    more = [_count(len(told) - bool(told), "more check")] if len(told) > 1 else []
    others = len(found) - (not told)
    if others > 0:
        more.append(_count(others, "objective" if told else "more objective"))
    first = told[0] if told else _objective_said(found[0], how)
    return first + (f" {' and '.join(more)} {how} too." if more else "")


def _objective_said(result: ObjectiveResult, how: str) -> str:
    when = {"fault": "during the fault", "recovery": "in the recovery", "baseline": "in the baseline"}
    why = measured(result) if result.verdict is Verdict.FAIL else result.reason
    return f"{_capital(result.objective)} of '{result.probe}' {how} {when[result.phase]}: {why}."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _capital(text: str) -> str:
    """The beginning of a sentence; the name of a quantile, such as p99, stays as it is."""
    return text if text[1:2].isdigit() else text[:1].upper() + text[1:]


def _what_ran(faults: tuple[FaultInterval, ...]) -> str:
    """Such as ``handler_dos ran for 10.0 s``, or ``link ran 5 times for 15.1 s``."""
    found: dict[str, list[float]] = {}
    for fault in faults:
        found.setdefault(fault.fault, []).append(fault.seconds or 0.0)
    return " and ".join(
        f"{name} ran {f'{len(held)} times ' if len(held) > 1 else ''}for {sum(held):.1f} s"
        for name, held in found.items()
    )


def _noise(recording: Recording) -> tuple[Noise, ...]:
    """The null probe by phase, and how late the requests of all streams that measure were started."""
    nulls = split(recording.null(), recording.windows)
    return tuple(
        Noise(
            phase=phase,
            n=nulls[phase].samples.n,
            p50=_finite(latency(nulls[phase], 0.5, NULL_TIMEOUT).value),
            p99=_finite(latency(nulls[phase], 0.99, NULL_TIMEOUT).value),
            late_p99=_finite(quantile_of(_lateness(recording, phase), 0.99)),
        )
        for phase in PHASES
        if phase in nulls
    )


def _lateness(recording: Recording, phase: str) -> NDArray[np.int64]:
    """A histogram, shape ``(BUCKETS,)``, of how late requests were started, by the instant of their frame."""
    counts = np.zeros(BUCKETS, dtype=np.int64)
    windows = [window for window in recording.windows if window.phase == phase]
    for streams in recording.streams.values():
        for stream in streams:
            for at, bucket, count in stream.late:
                if any(window.start <= at < window.end for window in windows):
                    counts[bucket] += count
    return counts


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
