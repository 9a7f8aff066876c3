"""Property B, drift: what users feel and what the system takes stay as they are, however long it runs.

Each series of a soak (quantiles of the latency over time; memory, descriptors and threads of each kind of process, and
how many processes there are) has its trend by Theil, Sen, Mann and Kendall (:mod:`chaos.properties.trend`), after the
warm-up is cut away. The slope is extrapolated to a day and held against what may be added in a day. It fails if its
whole interval is beyond that, and the rise is no accident.

What a soak can tell depends on its length: half a minute in which memory grew by one page is 11 MB a day by
arithmetic, and nothing by any other standard. So for each series there is an amount of noise (connections that come
and go, an allocator's next arena, a quantile of few requests) that a soak must exceed *in itself*, and the limit on a
day is the larger of what a day may add and of that noise extrapolated to a day; the reason says which. With the
default settings 30 s find what loses 1 KiB, or a hundredth of a descriptor, with each of a hundred requests a second;
an hour finds a hundredth of that, and a night what matters in a day. A rise that levels off, as caches and virtual
machines have it when they begin, is no drift, and not for a short soak to judge: the second half must rise as well,
or it is unknown.

APIs that are soaked together are served by the same processes, so what one of them makes the processes lose, the cells
of all are charged with: the reason names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaos.properties.answered import answered
from chaos.properties.base import CannotTell, Measure, at_most
from chaos.properties.record import CellRecord
from chaos.properties.trend import Trend, trend
from chaos.sla.results import Verdict

__all__ = ["DRIFT"]

Floats = NDArray[np.float64]

DAY = 86400.0
MEGA = 1 << 20
BIN_SECONDS = 1.0
MOST_BINS = 200
SAMPLES_IN_BIN = 5
FEWEST_LATER = 3
REPLICAS = ("inference", "batch_inference")
"""What replicas serve: their memory says nothing of other APIs."""


@dataclass(frozen=True, slots=True)
class _Series:
    """A series over time: what it is, the limits it is held against by name, and one of ``unit`` in its values."""

    name: str
    limits: str
    unit: str
    scale: float
    at: Floats
    values: Floats
    relative: bool = False
    timed: bool = False


class Drift:
    """The property. ``figure``: ``kind`` ``slopes``: ``series``, a list of ``name``, ``unit``, ``at`` (seconds since
    the soak began), ``values``, ``slope`` (per second), ``low``, ``high``, ``start`` (the line's value at the first
    point), all of the part that is judged."""

    code = "B"

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """Trends of latency, memory, descriptors, threads and processes, and whether all was answered.

        :raises CannotTell: if too little was measured
        """
        census = _answered(record)
        measures: list[Measure] = []
        try:
            soak = _soak(record)
            measures += (_judged(record, series, soak) for series in _series(record, soak))
        except CannotTell:
            if census.verdict is Verdict.PASS:
                raise
        if not any(not measure.timed for measure in measures):
            reason = "the target's processes are not on this machine, or nobody tells them: only latency was measured"
            measures.append(Measure("resources", Verdict.UNKNOWN, reason))
        return [*measures, census]

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """See the class; no series, if the record has none that is long enough."""
        shown: list[dict[str, Any]] = []
        with suppress(CannotTell):
            soak = _soak(record)
            shown.extend(_shown(series, soak["begin"]) for series in _series(record, soak))
        return {"kind": "slopes", "series": shown}


DRIFT = Drift()


def _shown(series: _Series, begin: float) -> dict[str, Any]:
    found = trend(series.at, series.values, series.name)
    return {
        "name": series.name,
        "unit": series.unit,
        "at": (series.at - begin).tolist(),
        "values": (series.values / series.scale).tolist(),
        "slope": found.slope / series.scale,
        "low": found.low / series.scale,
        "high": found.high / series.scale,
        "start": found.start / series.scale,
    }


def _soak(record: CellRecord) -> dict[str, Any]:
    """When the soak began and ended, and of which APIs it was."""
    for note in record.notes("soak"):
        return dict(note)
    raise CannotTell("the soak did not come to its end")


def _series(record: CellRecord, soak: dict[str, Any]) -> Iterator[_Series]:
    """What is judged for the API of a record, from the end of the warm-up on."""
    begin = soak["begin"] + record.settings["warmup"] * (soak["end"] - soak["begin"])
    yield from _latencies(record, begin, soak["end"])
    samples = [note for note in record.notes("sample") if begin <= note["at"] <= soak["end"]]
    at = np.array([note["at"] for note in samples], dtype=np.float64)
    roles = {role: None for note in samples for role in note["roles"]}
    for role in roles:
        if role == "replica" and record.api not in REPLICAS:
            continue
        read = [note["roles"].get(role) for note in samples]
        counts = {values and values["processes"] for values in read}
        if len(counts) != 1:
            raise CannotTell(f"processes of the {role} ended during the soak")
        for name, limits, unit, scale in (
            ("memory", "rss", "MiB", MEGA),
            ("descriptors", "fds", "", 1.0),
            ("threads", "threads", "", 1.0),
        ):
            values = np.array([each[limits] for each in read], dtype=np.float64)
            yield _Series(f"{role} {name}", limits, unit, scale, at, values)
    if samples:
        values = np.array([note["processes"] for note in samples], dtype=np.float64)
        yield _Series("processes", "processes", "", 1.0, at, values)


def _latencies(record: CellRecord, begin: float, end: float) -> Iterator[_Series]:
    """Median and 95th percentile of the latency over time; registrations, which are few, each by itself."""
    milli = 1e-3
    if record.api == "register":
        calls = [
            call for call in record.calls("register") if call["outcome"] == "ok" and begin <= call["start"]
        ]
        at = np.array([call["start"] for call in calls], dtype=np.float64)
        took = np.array([call["end"] for call in calls], dtype=np.float64) - at
        yield _Series("p50 latency", "p50", "ms", milli, at, took, relative=True, timed=True)
        return
    requests = record.requests(record.api)
    good = requests.where(requests.ok).between(begin, end)
    width = max(BIN_SECONDS, (end - begin) / MOST_BINS)
    number = np.floor((good.intended - begin) / width).astype(np.int64)
    bins = [each for each in np.unique(number) if (number == each).sum() >= SAMPLES_IN_BIN]
    at = begin + (np.array(bins, dtype=np.float64) + 0.5) * width
    for name, quantile in (("p50", 0.5), ("p95", 0.95)):
        values = np.array([np.quantile(good.latency[number == each], quantile) for each in bins])
        yield _Series(f"{name} latency", name, "ms", milli, at, values, relative=True, timed=True)


def _judged(record: CellRecord, series: _Series, soak: dict[str, Any]) -> Measure:
    found = trend(series.at, series.values, series.name)
    whole = float(np.median(series.values[: max(1, found.n // 4)])) if series.relative else series.scale
    daily = record.settings[f"{series.limits}_day"] * whole
    noise = record.settings[f"{series.limits}_noise"] * whole
    if series.limits == "rss":  # the larger a heap, the longer it fills: a virtual machine's, for minutes
        noise = max(
            noise, record.settings["rss_share"] * float(np.median(series.values[: found.n // 4 or 1]))
        )
    told = noise / found.seconds * DAY
    limit = max(daily, told)
    verdict, aside = _verdict(series, found, limit / DAY)
    unit = f" {series.unit}" if series.unit else ""
    slope, low, high, most = (
        each * DAY / series.scale for each in (found.slope, found.low, found.high, limit / DAY)
    )
    charged = (
        "" if series.timed or len(soak["apis"]) == 1 else f"; charged to all of {', '.join(soak['apis'])}"
    )
    reason = (
        f"{series.name} changed by {found.growth / series.scale:+.3g}{unit} in {found.seconds:.0f} s, from "
        f"{found.start / series.scale:.3g}, which is {_said(slope)}{unit} a day (95 % interval {_said(low)} to "
        f"{_said(high)}); limit {_said(most)} a day, "
        f"{'as set' if daily >= told else 'as so short a soak cannot tell less'}{aside}{charged}"
    )
    a_day = f"{series.unit}/day" if series.unit else "per day"
    return Measure(series.name, verdict, reason, slope, low, high, most, a_day, found.n, series.timed)


def _said(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _verdict(series: _Series, found: Trend, limit: float) -> tuple[Verdict, str]:
    """The verdict on a slope per second, and what there is to be said about it."""
    if found.high <= limit:
        return Verdict.PASS, ""
    if found.low <= limit:
        return Verdict.UNKNOWN, "; the interval holds the limit, so a longer soak is needed"
    if not found.rises:
        return (
            Verdict.UNKNOWN,
            f"; but a rise like this is no rarity (p = {found.p:.2g}), so a longer soak is needed",
        )
    half = series.at >= (series.at.min() + series.at.max()) / 2
    later = trend(series.at[half], series.values[half], series.name, fewest=FEWEST_LATER)
    if later.slope <= limit:
        return Verdict.UNKNOWN, "; but it levels off in the second half, so a longer soak is needed"
    return Verdict.FAIL, ""


def _answered(record: CellRecord) -> Measure:
    """A census: each request of the API must be answered, and rightly."""
    if record.api != "register":
        return answered([record.requests(record.api)])
    calls = [*record.calls("register"), *record.calls("unregister")]
    good = sum(call["outcome"] == "ok" for call in calls)
    says = f"{good} of {len(calls)} registrations and unregistrations succeeded"
    return at_most("operations that did not succeed", 0, len(calls) - good, n=len(calls), says=says)
