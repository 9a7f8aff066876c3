"""Property A, determinism: for the same input and configuration an operation takes the same time, and says the same.

An inference takes the wait for a free worker and its service time, and nothing else. So the i-th of a burst completes
after ⌈i/w⌉ times the time of one (:mod:`chaos.properties.bursts`), one after an idle moment takes no longer than one in
succession, and who came first is served first. The time of one is taken from the run itself, as the median of single
requests, and is held against the sleep that it asks for. Where the target tells waiting from service, what it says of
either is held against the prediction; where not, the first round is the service, and the rest of the time the wait.

Reads and registrations have no such prediction. They are repeated, and their times must come from one narrow
distribution that stays as it is (:mod:`chaos.properties.repetition`). What an answer says must have one shape
throughout.

Intervals are those of a bootstrap over whole bursts, or moments (:mod:`chaos.properties.resampling`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from chaos.properties.answered import answered
from chaos.properties.base import CannotTell, Measure, at_least
from chaos.properties.bursts import Bursts, Plan, overtaken
from chaos.properties.record import CellRecord
from chaos.properties.repetition import reads, registrations, repetitions
from chaos.properties.resampling import drawn_again, timed_at_most, within
from chaos.sla.results import Verdict
from chaos.sla.statistics import Estimate, proportion

__all__ = ["DETERMINISM"]

Floats = NDArray[np.float64]

INFERENCES = ("inference", "batch_inference")

SLOPE = (0.85, 1.15)
FIT = 0.95
RESIDUAL = 0.35
SPREAD_IN_RANK = 0.1
ONE = 1.5
AFTER_IDLE = 1.3
OVERTAKEN = 0.1
TOLD = (0.75, 1.25)

SHOWN = 2000


class Determinism:
    """The property. ``figure``: for inferences ``kind`` ``residuals``: ``predicted`` and ``completed`` (seconds, one
    value a request) and ``residual`` (in times of ``one``, the seconds of a single request), ``workers``, ``batch``;
    for others ``kind`` ``repeated``: ``at`` (seconds from the first), ``seconds``, their ``median`` and ``tail``."""

    code = "A"

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """Residuals, fit and order of inferences; spread and constancy of others.

        :raises CannotTell: if too little was answered
        """
        if record.api == "register":
            return list(registrations(record))
        census = answered(record.requests(load) for load in record.loads())
        measures: list[Measure] = []
        try:
            measures += _inferences(record) if record.api in INFERENCES else reads(record)
        except CannotTell:
            if census.verdict is Verdict.PASS:
                raise
        return [*measures, census]

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """See the class; empty, if the record has nothing to show."""
        try:
            return _residuals(record) if record.api in INFERENCES else repetitions(record)
        except CannotTell:
            return {}


DETERMINISM = Determinism()


def _bursts(record: CellRecord, load: str, size: int) -> Bursts:
    return Bursts.of(record.requests(load), size, load)


def _residuals(record: CellRecord) -> dict[str, Any]:
    plan = Plan.of(record)
    one = float(np.median(_bursts(record, "single", plan.batch).last()))
    bursts = _bursts(record, "bursts", plan.burst)
    predicted = np.broadcast_to(plan.rounds(plan.burst) * one, bursts.completed.shape)
    return {
        "kind": "residuals",
        "predicted": predicted.ravel()[:SHOWN].tolist(),
        "completed": bursts.completed.ravel()[:SHOWN].tolist(),
        "residual": bursts.residuals(plan, one).ravel()[:SHOWN].tolist(),
        "one": one,
        "workers": plan.workers,
        "batch": plan.batch,
    }


def _inferences(record: CellRecord) -> Iterator[Measure]:
    plan, seed = Plan.of(record), record.seed
    singles = _bursts(record, "single", plan.batch)
    bursts = _bursts(record, "bursts", plan.burst)
    one = float(np.median(singles.last()))
    residuals = bursts.residuals(plan, one)
    how = f"{bursts.n} bursts of {plan.burst} on {plan.workers} workers" + (
        f" with batches of {plan.batch}" if plan.batch > 1 else ""
    )

    worst = np.abs(residuals).max(axis=1)
    found = drawn_again(_median, worst, seed=seed)
    says = f"in half of {how} every request completed within so many times of one ({one * 1000:.1f} ms) of its time"
    yield timed_at_most("residual", RESIDUAL, found, residuals.size, says)

    slopes, shares = bursts.fits(plan, one)
    says = f"completion against the predicted ⌈i/w⌉ times of one, {how}"
    yield within("slope", SLOPE, drawn_again(_median, slopes, seed=seed), n=bursts.n, says=says)
    fit = drawn_again(_median, shares, seed=seed)
    says = f"share of the variance of completions that the prediction explains, {how}"
    yield at_least("fit", FIT, fit.value, fit.low, fit.high, n=bursts.n, timed=True, says=says)

    found = drawn_again(_worst_spread, bursts.completed, seed=seed)
    yield timed_at_most(
        "spread within a rank", SPREAD_IN_RANK, found, bursts.n, f"robust coefficient of variation, {how}"
    )

    found = drawn_again(_median, singles.last() / plan.service, seed=seed)
    says = f"time of one, against the {plan.service * 1000:.0f} ms that its handler sleeps"
    yield timed_at_most("time of one", ONE, found, singles.n, says)

    idle = _bursts(record, "idle", plan.batch)
    found = drawn_again(_ratio, idle.last(), singles.last(), seed=seed)
    says = f"median time after {record.settings['idle_seconds']:g} s without a request, against that in succession"
    yield timed_at_most("after idle", AFTER_IDLE, found, idle.n, says)

    queue = record.requests("queue")
    queue = queue.where(queue.ok)
    if not queue.n:
        raise CannotTell("no request in a queue was answered")
    late = int(overtaken(queue, plan.service).sum())
    share = proportion(late, queue.n)
    says = f"{late} of {queue.n} requests in a queue were answered after one that had been sent later"
    yield timed_at_most("overtaken", OVERTAKEN, share, queue.n, says)
    yield from _told(record, plan, one)


def _told(record: CellRecord, plan: Plan, one: float) -> Iterator[Measure]:
    """Waiting and service as the target counts them, where it does."""
    told = {note["when"]: note for note in record.notes("timings")}
    if "before bursts" not in told or "after bursts" not in told:
        return
    first, last = told["before bursts"], told["after bursts"]
    served = last["served"] - first["served"]
    if served <= 0:
        raise CannotTell("the target counted no request of the bursts, though it counts requests")
    rounds = plan.rounds(plan.burst)
    waiting = (last["waiting"] - first["waiting"]) / served
    service = (last["service"] - first["service"]) / served
    for name, value, expected in (
        ("service told", service, one),
        ("wait told", waiting, float((rounds - 1).mean()) * one),
    ):
        share = value / expected
        says = f"the target says {value * 1000:.1f} ms a request on average, predicted are {expected * 1000:.1f} ms"
        yield within(name, TOLD, Estimate(share, share, share), n=served, says=says)


# What is drawn again has the shape (draws, units), for ranks (draws, units, ranks).


def _median(units: Floats) -> Floats:
    return np.asarray(np.median(units, axis=1))


def _ratio(above: Floats, below: Floats) -> Floats:
    return _median(above) / _median(below)


def _worst_spread(bursts: Floats) -> Floats:
    """The largest robust coefficient of variation of any rank: median absolute deviation, scaled to the standard
    deviation of a normal distribution, by the median."""
    spread = scipy.stats.median_abs_deviation(bursts, axis=1, scale="normal")
    return np.asarray((spread / np.median(bursts, axis=1)).max(axis=-1))
