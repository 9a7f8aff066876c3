"""From a history to what is plotted: points, lines and intervals in seconds since the run's start.

However long a run was, its series stay small: points are merged by time and by latency, and carry how
many requests they stand for, so that no request and above all no error is lost on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.analysis import Summary
from chaos.history import Event
from chaos.recording import record
from chaos.reporting.shades import Shade, shades_of
from chaos.sla.samples import LOST, Samples, attribute
from chaos.traffic.histogram import SLOT_SECONDS, seconds_of
from chaos.traffic.spec import Outcome

__all__ = ["KINDS", "UNANSWERED", "Line", "Points", "ProbeSeries", "Series", "make_series"]

UNANSWERED = "never answered"
KINDS = (*(outcome.label for outcome in Outcome), UNANSWERED)
"""How a request can end, as a report names it; the first is good. Indices are outcomes, the last is lost."""

MAX_OK_POINTS = 3000
MAX_POINTS_PER_ERROR = 800
MAX_BINS = 600
BINS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 86400)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Points:
    """Requests of one kind: lists of one length: ``at`` and ``seconds`` (latency), and ``count`` merged there."""

    kind: str
    at: list[float]
    seconds: list[float]
    count: list[int]


@dataclass(frozen=True, slots=True)
class Line:
    """A value over time; None where nothing was measured."""

    name: str
    at: list[float]
    values: list[float | None]


@dataclass(frozen=True, slots=True)
class ProbeSeries:
    """One probe. ``p50`` and ``p99`` are of the good answers.

    ``rates`` are requests per second by kind, at the time they were due.
    ``counts`` is phase → kind → number of requests, attributed to phases as the verdict does it.
    """

    name: str
    points: tuple[Points, ...]
    p50: Line
    p99: Line
    rates: tuple[Line, ...]
    counts: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Series:
    """All that a report plots; ``bin_seconds`` is the step of its lines."""

    seconds: float
    bin_seconds: float
    probes: tuple[ProbeSeries, ...]
    noise: tuple[Line, ...]
    resources: tuple[Line, ...]
    phases: tuple[tuple[str, float, float], ...]
    faults: tuple[Shade, ...]


@dataclass(frozen=True, slots=True)
class _Requests:
    """Requests as arrays of one shape: due at (s since start), latency (s), kind (index of KINDS), count."""

    at: Floats
    seconds: Floats
    kind: Ints
    count: Ints


def make_series(events: Sequence[Event], summary: Summary) -> Series:
    """The series of a run; a history that broke off, or holds no sample at all, gives shorter or empty ones.

    :raises RunDirectoryError: if the history does not begin with a ``run`` event, or cannot be understood
    """
    recording = record(list(events))
    end = max(recording.last - summary.start, summary.seconds)
    width = next((float(width) for width in BINS if end / width <= MAX_BINS), float(BINS[-1]))
    null = _requests(recording.null(), summary, end)
    return Series(
        seconds=end,
        bin_seconds=width,
        probes=tuple(
            _probe(probe.name, recording.samples(probe), summary, end, width) for probe in recording.probes
        ),
        noise=tuple(_quantiles(null, share, width) for share in (0.5, 0.99)) if null.at.size else (),
        resources=_resources(events, summary.start, width),
        phases=tuple((w.phase, w.start - summary.start, w.end - summary.start) for w in summary.windows),
        faults=shades_of(summary, end),
    )


def _requests(samples: Samples, summary: Summary, end: float) -> _Requests:
    """A lost request is shown with the time it was waited for: from when it was due until the end."""
    at = np.asarray((samples.slot + 0.5) * SLOT_SECONDS - summary.start, dtype=np.float64)
    lost = samples.bucket == LOST
    seconds: Floats = np.where(lost, np.maximum(end - at, SLOT_SECONDS), seconds_of(samples.bucket))
    kind = np.where(lost, len(KINDS) - 1, samples.outcome).astype(np.int64)
    return _Requests(at, seconds, kind, samples.count)


def _probe(name: str, samples: Samples, summary: Summary, end: float, width: float) -> ProbeSeries:
    requests = _requests(samples, summary, end)
    owner = attribute(samples, summary.windows)
    counts: dict[str, dict[str, int]] = {}
    for index, window in enumerate(summary.windows):
        held = np.bincount(
            requests.kind[owner == index], weights=requests.count[owner == index], minlength=len(KINDS)
        )
        into = counts.setdefault(window.phase, dict.fromkeys(KINDS, 0))
        for kind, number in zip(KINDS, held, strict=True):
            into[kind] += int(number)
    # A request that fails at once must not make the lines look better; the points show the failures.
    ok = requests.kind == 0
    good = _Requests(requests.at[ok], requests.seconds[ok], requests.kind[ok], requests.count[ok])
    return ProbeSeries(
        name=name,
        points=tuple(
            _points(requests, index, MAX_POINTS_PER_ERROR if index else MAX_OK_POINTS)
            for index in range(len(KINDS))
            if (requests.kind == index).any()
        ),
        p50=_quantiles(good, 0.5, width),
        p99=_quantiles(good, 0.99, width),
        rates=_rates(requests, width),
        counts=counts,
    )


def _points(requests: _Requests, index: int, most: int) -> Points:
    """Merged on a grid of time by log latency that is coarsened until there are at most ``most`` of them."""
    chosen = requests.kind == index
    slot = np.floor(requests.at[chosen] / SLOT_SECONDS).astype(np.int64)
    log = np.rint(np.log(np.maximum(requests.seconds[chosen], 1e-6)) * 100.0).astype(np.int64)
    count = requests.count[chosen]
    wide = tall = 1
    while True:
        cells, which = np.unique(np.stack([slot // wide, log // tall]), axis=1, return_inverse=True)
        if cells.shape[1] <= most:
            break
        wide, tall = (wide * 2, tall) if wide <= tall else (wide, tall * 2)
    return Points(
        kind=KINDS[index],
        at=[round(float(at), 2) for at in (cells[0] + 0.5) * wide * SLOT_SECONDS],
        seconds=[_short(value) for value in np.exp((cells[1] * tall + (tall - 1) / 2) / 100.0)],
        count=[int(total) for total in np.bincount(which.ravel(), weights=count, minlength=cells.shape[1])],
    )


def _quantiles(requests: _Requests, share: float, width: float) -> Line:
    """A quantile for each bin, over the requests due in it."""
    name = f"p{share * 100:g}"
    if requests.at.size == 0:
        return Line(name, [], [])
    bins = _bins(requests.at, width)
    order = np.lexsort((requests.seconds, bins))
    bins, seconds, count = bins[order], requests.seconds[order], requests.count[order]
    values: dict[int, float] = {}
    edges = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
    for first, last in zip(edges, [*edges[1:], bins.size], strict=True):
        total = np.cumsum(count[first:last])
        rank = max(int(np.ceil(share * total[-1])), 1)
        values[int(bins[first])] = _short(seconds[first + int(np.searchsorted(total, rank))])
    every = range(int(bins[0]), int(bins[-1]) + 1)
    return Line(name, [round((index + 0.5) * width, 3) for index in every], [values.get(i) for i in every])


def _bins(at: Floats, width: float) -> Ints:
    """The bin of each instant; a first or last one that is covered by less than half joins its neighbour.

    What few requests make is noise, and looks like a drop.
    """
    bins = np.floor(at / width).astype(np.int64)
    first, last = int(bins.min()), int(bins.max())
    if last - first >= 3:
        first += at.min() - first * width > width / 2
        last -= at.max() - last * width < width / 2
    return np.clip(bins, first, last)


def _rates(requests: _Requests, width: float) -> tuple[Line, ...]:
    if requests.at.size == 0:
        return ()
    bins = _bins(requests.at, width)
    first, last = int(bins.min()), int(bins.max())
    # The first and the last bin may be covered in part only; a rate is that of the part.
    covered = np.full(last - first + 1, width)
    covered[0] -= requests.at.min() - SLOT_SECONDS / 2 - first * width
    covered[-1] -= (last + 1) * width - (requests.at.max() + SLOT_SECONDS / 2)
    covered = np.maximum(covered, SLOT_SECONDS)
    at = [round((index + 0.5) * width, 3) for index in range(first, last + 1)]
    lines = []
    for index, kind in enumerate(KINDS):
        chosen = requests.kind == index
        if chosen.any():
            total = np.bincount(
                bins[chosen] - first, weights=requests.count[chosen], minlength=last - first + 1
            )
            lines.append(Line(kind, at, [_short(value) for value in total / covered]))
    return tuple(lines)


def _resources(events: Sequence[Event], start: float, width: float) -> tuple[Line, ...]:
    """The target's resources; where readings are closer than a bin of a long run, the highest of each bin."""
    step = width if width > 1 else 0.0
    lines = []
    for name in ("cpu", "rss", "processes", "fds", "threads"):
        held: dict[float, float] = {}
        for event in events:
            if event["kind"] == "resource" and event.get(name) is not None:
                at = float(event["at"]) - start
                place = round((at // step + 0.5) * step if step else at, 3)
                held[place] = max(held.get(place, 0.0), float(event[name]))
        if held:
            lines.append(Line(name, list(held), [_short(value) for value in held.values()]))
    return tuple(lines)


def _short(value: float) -> float:
    """Four significant digits: more cannot be seen, and cost space."""
    return float(f"{float(value):.4g}")
