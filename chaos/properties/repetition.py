"""Operations that have no predicted time, repeated: their times come from one narrow distribution that stays as it is.

Spread is a ratio of quantiles, not a standard deviation, since one hiccup of the machine would decide that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaos.properties.base import CannotTell, Measure, at_most
from chaos.properties.record import CellRecord
from chaos.properties.resampling import blocks, drawn_again, timed_at_most, within

__all__ = ["reads", "registrations", "repetitions"]

Floats = NDArray[np.float64]

TAIL = 8.0
DRIFT = (0.6, 1.67)
MOMENT_SECONDS = 0.25
SPREAD = 3.0
LATER = (0.5, 2.0)
FEWEST_READS = 100
FEWEST_REGISTRATIONS = 8
SHOWN = 2000


def repetitions(record: CellRecord) -> dict[str, Any]:
    """For a plot: ``kind`` ``repeated``, ``at``, ``seconds``, ``median``, ``tail``.

    :raises CannotTell: if there was no answer
    """
    at, seconds = _repeated(record)
    if not seconds.size:
        raise CannotTell("nothing was answered")
    median, tail = np.quantile(seconds, [0.5, 0.95])
    shown = {"at": (at - at.min())[:SHOWN].tolist(), "seconds": seconds[:SHOWN].tolist()}
    return {"kind": "repeated", **shown, "median": float(median), "tail": float(tail)}


def reads(record: CellRecord) -> Iterator[Measure]:
    """Shapes, tail and constancy of a read.

    :raises CannotTell: if too little was answered
    """
    yield _shapes(record)
    at, seconds = _repeated(record)
    if seconds.size < FEWEST_READS:
        raise CannotTell(f"{seconds.size} answers came, of which at least {FEWEST_READS} are needed")
    moments = blocks(at, seconds, MOMENT_SECONDS)
    found = drawn_again(_tail, moments, seed=record.seed)
    says = f"95th percentile of the latency against its median, {np.median(seconds) * 1000:.2f} ms"
    yield timed_at_most("tail", TAIL, found, seconds.size, says)
    half = len(moments) // 2
    found = drawn_again(_medians, moments[half:], moments[:half], seed=record.seed)
    says = "median latency of the second half against that of the first"
    yield within("constancy", DRIFT, found, n=seconds.size, says=says)


def registrations(record: CellRecord) -> Iterator[Measure]:
    """Spread and constancy of the registration of one package, and whether each of them succeeded.

    :raises CannotTell: if too few were made, or the first was refused: then there was nothing to repeat
    """
    calls = [*record.calls("register"), *record.calls("unregister")]
    if (first := next(iter(record.calls("register")), None)) is not None and first["outcome"] == "fail":
        raise CannotTell(f"the first registration was refused: {first['detail']}")
    wrong = [call["detail"] for call in calls if call["outcome"] != "ok"]
    if wrong:
        says = f"of {len(calls)} equal registrations and unregistrations: {wrong[0]}"
        yield at_most("operations that did not succeed", 0, len(wrong), n=len(calls), says=says)
        return
    _, seconds = _repeated(record)
    if seconds.size < FEWEST_REGISTRATIONS:
        raise CannotTell(
            f"{seconds.size} registrations were made, of which {FEWEST_REGISTRATIONS} are needed"
        )
    found = drawn_again(_deciles, seconds, seed=record.seed)
    says = f"upper against lower decile of the time to register the same package, median {np.median(seconds):.3f} s"
    yield timed_at_most("spread", SPREAD, found, seconds.size, says)
    half = seconds.size // 2
    found = drawn_again(_ratio, seconds[half:], seconds[:half], seed=record.seed)
    says = "median of the later registrations against that of the earlier ones"
    yield within("constancy", LATER, found, n=seconds.size, says=says)


def _shapes(record: CellRecord) -> Measure:
    """A census: each answer must say the same things, and as many of them."""
    seen = Counter(note["shape"] for note in record.notes("shape"))
    if not seen:
        raise CannotTell("no answer was looked at")
    says = f"the same question was answered in {len(seen)} ways, {seen.total()} times in all: "
    says += "; ".join(f"{times} times {shape[:160]}" for shape, times in seen.most_common(3))
    return at_most("shapes of answers", 1, len(seen), n=seen.total(), says=says)


def _repeated(record: CellRecord) -> tuple[Floats, Floats]:
    """When a repeated operation began, and how long it took: seconds."""
    if record.api == "register":
        calls = [call for call in record.calls("register") if call["outcome"] == "ok"][1:]
        starts = np.array([call["start"] for call in calls], dtype=np.float64)
        return starts, np.array([call["end"] for call in calls], dtype=np.float64) - starts
    steady = record.requests("steady")
    good = steady.where(steady.ok)
    return good.intended, good.latency


# What is drawn again has the shape (draws, units), for moments (draws, units, values).


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.median(above, axis=1) / np.median(below, axis=1))


def _medians(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.nanmedian(above, axis=(1, 2)) / np.nanmedian(below, axis=(1, 2)))


def _tail(moments: Floats) -> Floats:
    median, tail = np.nanquantile(moments, [0.5, 0.95], axis=(1, 2))
    return np.asarray(tail / median)


def _deciles(seconds: Floats) -> Floats:
    low, high = np.quantile(seconds, [0.1, 0.9], axis=1)
    return np.asarray(high / low)
