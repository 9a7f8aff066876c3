"""From a history to a summary: a pure function, so that an old run can be judged and reported again.

A pass has to be earned: the run went to its end, a fault was in force or a property was measured, and every objective,
check and measured cell held. Whatever is missing for that makes it ``unknown``, whatever contradicts it a fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaos.checks.judging import judge_checks
from chaos.checks.results import CheckResult
from chaos.conclusion import Judged, conclude, doubts
from chaos.errors import RunDirectoryError
from chaos.history import Event
from chaos.properties.base import CellResult
from chaos.properties.judging import judge_cells
from chaos.recording import PHASES, FaultInterval, Recording, record
from chaos.sla.judge import judge
from chaos.sla.results import Noise, ObjectiveResult, Verdict, Window
from chaos.sla.samples import split
from chaos.sla.statistics import latency
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
    cells: tuple[CellResult, ...]
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
    checks, cells = judge_checks(events, recording), _measured_cells(events)
    problems = tuple(doubts(recording, tested=bool(cells) or recording.program is not None))
    verdict, reason = conclude(recording, Judged(objectives, checks, cells), problems)
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
        cells=cells,
        faults=recording.faults,
        noise=_noise(recording),
        guards=recording.guards,
        problems=problems,
    )


def _measured_cells(events: list[Event]) -> tuple[CellResult, ...]:
    """The cells that the run measured.

    :raises RunDirectoryError: if an event of theirs lacks what it needs
    """
    try:
        return judge_cells(events)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunDirectoryError(f"the history holds a cell that cannot be understood: {error!r}") from None


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
