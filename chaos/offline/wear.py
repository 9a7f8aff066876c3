"""What a handler takes of the machine from call to call: memory, threads and processes, as trends over many calls.

One process, which has served already, is called again and again. Each trend is that of Theil and Sen over the calls
(:mod:`chaos.properties.trend`), without the first quarter of them. It fails if its whole interval is above the limit,
the rise is no accident, and goes on in the second half; a rise that levels off, as caches have it, is unknown.

The limit for memory is what a worker can lose with each of a million requests before the memory that it may have is
full; or, as so few calls cannot tell less, what an allocator takes and keeps by itself (2 MiB) divided by the calls.
Two threads or processes more, in all the calls, may be helpers that a library starts when it needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chaos.handlers.calls import Run
from chaos.offline.judged import LETHAL, told
from chaos.offline.results import CheckResult, MemoryPoint
from chaos.offline.runs import Ran
from chaos.properties.trend import FEWEST, Trend, trend

__all__ = ["MEMORY", "judge_wear", "memory_points"]

Floats = NDArray[np.float64]

MEMORY = "memory"
NAMES = ("threads", "processes", MEMORY)
MEBI = 1 << 20
NOISE = 2 * MEBI
HELPERS = 2
REQUESTS = 1_000_000
WARMUP = 0.25
MOST_POINTS = 200
FEWEST_LATER = 3


@dataclass(frozen=True, slots=True)
class _Series:
    """What is counted after each call, and the limit of its slope, for which there is a reason."""

    name: str
    unit: str
    values: Floats
    limit: float
    reason: str


def memory_points(before: Sequence[Ran], calls: Sequence[Ran]) -> tuple[MemoryPoint, ...]:
    """The resident memory from call to call: first of the samples' runs, then of the calls that the slope is over."""
    phases = [*(("samples", ran) for ran in before), *((MEMORY, ran) for ran in calls)]
    return tuple(
        MemoryPoint(calls=number, resident=ran.run.memory, phase=phase)
        for number, (phase, ran) in enumerate(phases, 1)
        if ran.run.memory
    )


def judge_wear(calls: Sequence[Ran], memory: int, outlived: int) -> list[CheckResult]:
    """``threads``, ``processes`` and ``memory``.

    :param calls: of one process, one after another
    :param memory: bytes that it may have
    :param outlived: how many processes lived on when it ended
    """
    runs = [ran.run for ran in calls]
    lost = next((number for number, run in enumerate(runs, 1) if run.outcome in LETHAL), None)
    if not runs:
        found = [_unknown(name, "no request was answered each time") for name in NAMES]
    elif lost is not None:
        run = runs[lost - 1]
        words = f"call {lost} of these {told(run.outcome, run.error, run.place)}"
        found = [
            CheckResult(name=name, verdict="fail" if run.outcome == name else "unknown", words=words)
            for name in NAMES
        ]
    elif any(run.restarted or not run.memory for run in runs):
        found = [_unknown(name, "its process ended in between") for name in NAMES]
    elif len(runs) * (1 - WARMUP) < FEWEST:
        found = [_few(name, [getattr(run, name) for run in runs]) for name in NAMES]
    else:
        found = [_judged(series) for series in _series(runs, memory)]
    if outlived:
        words = f"{outlived} of its processes lived on when the handler's own had ended"
        found[1] = CheckResult(
            name="processes", verdict="fail", words=words, estimate=outlived, limit=0, unit="processes"
        )
    return found


def _unknown(name: str, words: str) -> CheckResult:
    return CheckResult(name=name, verdict="unknown", words=words)


def _few(name: str, values: Sequence[int]) -> CheckResult:
    """By too few calls for a trend: only that there is none can be told."""
    words = f"{values[0]:,} after the first of {len(values)} calls and {values[-1]:,} after the last"
    if values[-1] <= values[0]:
        return CheckResult(name=name, verdict="pass", words=words)
    return _unknown(name, f"{words}, which are too few to tell whether it goes on")


def _series(runs: Sequence[Run], memory: int) -> list[_Series]:
    span = len(runs) * (1 - WARMUP)
    left, noise = max(0, memory - runs[0].memory) / REQUESTS, NOISE / span
    counted = [
        _Series(
            name,
            f"{name}/call",
            np.array([getattr(run, name) for run in runs], dtype=np.float64),
            HELPERS / span,
            f"{HELPERS} in all these calls may be helpers that a library needs",
        )
        for name in ("threads", "processes")
    ]
    resident = np.array([run.memory for run in runs], dtype=np.float64)
    reason = (
        "with more, a million calls fill the memory that it may have"
        if left >= noise
        else f"{len(runs)} calls cannot tell less"
    )
    return [*counted, _Series(MEMORY, "B/call", resident, max(left, noise), reason)]


def _judged(series: _Series) -> CheckResult:
    count = len(series.values)
    at = np.arange(1, count + 1, dtype=np.float64)
    later = at > WARMUP * count
    at, values = _thinned(at[later], series.values[later])
    found = trend(at, values, series.name)
    verdict, aside = _verdict(at, values, found, series.limit)
    scale, unit = (MEBI, " MiB") if series.name == MEMORY else (1, "")
    words = (
        f"{found.growth / scale:+.3g}{unit} in {found.seconds:.0f} calls, from {series.values[0] / scale:.4g} to "
        f"{series.values[-1] / scale:.4g}{unit}{aside} ({series.reason})"
    )
    return CheckResult(
        name=series.name,
        verdict=verdict,
        words=words,
        estimate=found.slope,
        low=found.low,
        high=found.high,
        limit=series.limit,
        unit=series.unit,
        evidence={"calls": count, "p": found.p},
    )


def _thinned(at: Floats, values: Floats) -> tuple[Floats, Floats]:
    """So many points at most: the medians of stretches of equal length."""
    width = -(-len(at) // MOST_POINTS)
    if width == 1:
        return at, values
    whole = len(at) // width * width
    return tuple(np.median(each[-whole:].reshape(-1, width), axis=1) for each in (at, values))  # type: ignore[return-value]


def _verdict(
    at: Floats, values: Floats, found: Trend, limit: float
) -> tuple[Literal["pass", "fail", "unknown"], str]:
    """The verdict on a slope, and what there is to be said about it."""
    if found.high <= limit:
        return "pass", ""
    if found.low <= limit:
        return "unknown", "; the interval of the slope holds the limit, so more calls are needed"
    if not found.rises:
        return "unknown", f"; but a rise like this is no rarity (p = {found.p:.2g}), so more calls are needed"
    half = at >= (at.min() + at.max()) / 2
    if trend(at[half], values[half], "", fewest=FEWEST_LATER).slope <= limit:
        return "unknown", "; but it levels off in the second half, so more calls are needed"
    return "fail", ""
