"""D, linear scaling: the time of an operation on n workers against n times the time of one.

For each operation of a round the lower quartile over the rounds is taken: what else runs on the machine only ever adds
to a time. Two numbers say how the time grows: the slope of the least-squares line over n, in times of one worker (1:
linear; less: better), and the slope in log-log over the n above one, the exponent of a power law (Goldsmith, Aiken and
Wilkerson, *Measuring empirical computational complexity*, ESEC/FSE 2007), which shows growth that the time of one, if
much of it is the same for any n, hides from the line. Their intervals come from a bootstrap over whole rounds, since
what disturbs one operation of a round disturbs its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaos.properties.base import CannotTell, Measure, at_most
from chaos.properties.record import CellRecord
from chaos.properties.resampling import drawn_again
from chaos.sla.results import Verdict

__all__ = ["LINEAR"]

Floats = NDArray[np.float64]

WORDS = {"up": "scaling up", "down": "scaling down", "unregister": "unregistering"}
QUARTILE = 0.25
LEAST_SIZES = 4
"""Fewer numbers of workers than these say nothing about how the time grows."""


class Linear:
    """Operations take at most in proportion to the workers they are about."""

    code = "D"

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """Slope and exponent of each kind of operation; how many of them the processes did not show."""
        unseen = list(_unseen(record))
        if any(each.verdict is Verdict.FAIL for each in unseen):
            return unseen  # how long it took not to happen says nothing
        limit = 1.0 + float(record.settings["tolerance"])
        measures = [measure for what in _kinds(record) for measure in _growth(record, what, limit)]
        if not measures:
            raise CannotTell("no operation was timed")
        return [*measures, *unseen]

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """Points, the line through them, and the line that is the limit, for each kind of operation.

        ``operations``: kind (``up``, ``down``, ``unregister``) → ``points`` ``[[workers, seconds], …]``, ``quartiles``
        ``[[workers, seconds], …]``, ``line`` ``{"slope", "intercept"}`` in seconds (a worker), ``one``: that of
        one worker, so that linear is ``one * workers``; ``words``: the kind in words.
        """
        shown: dict[str, Any] = {}
        for what in _kinds(record):
            notes = [note for note in record.notes("operation") if note["what"] == what]
            points = [(int(note["workers"]), float(note["seconds"])) for note in notes]
            quartiles = {
                size: float(np.quantile([seconds for other, seconds in points if other == size], QUARTILE))
                for size in sorted({size for size, _ in points})
            }
            enough = len(quartiles) > 1
            slope, intercept = (
                np.polyfit(list(quartiles), list(quartiles.values()), 1) if enough else (0.0, 0.0)
            )
            shown[what] = {
                "points": [list(point) for point in points],
                "quartiles": [[size, seconds] for size, seconds in quartiles.items()],
                "line": {"slope": float(slope), "intercept": float(intercept)},
                "one": quartiles.get(1),
                "words": WORDS[what],
            }
        return {"operations": shown}


def _growth(record: CellRecord, what: str, limit: float) -> Iterator[Measure]:
    sizes, table = _table(record, what)
    if any(row.size != sizes.size for row in table) or np.unique(sizes).size < LEAST_SIZES or sizes[0] != 1:
        raise CannotTell(
            f"{WORDS[what]} was not timed for one worker and at least {LEAST_SIZES - 1} other numbers of them in each "
            "round (set D.workers higher)"
        )
    times = np.quantile(table, QUARTILE, axis=0)
    n, words = sum(row.size for row in table), WORDS[what]
    says = f"{_told(times[0])} for one worker, {_told(times[-1])} for {sizes[-1]:.0f}"
    slope = drawn_again(partial(_slope, sizes), np.array(table), seed=record.seed)
    unit = "times of one a worker"
    yield at_most(
        f"{words} slope", limit, slope.value, slope.low, slope.high, unit=unit, n=n, timed=True, says=says
    )
    growth = drawn_again(partial(_exponent, sizes), np.array(table), seed=record.seed)
    yield at_most(
        f"{words} exponent", limit, growth.value, growth.low, growth.high, n=n, timed=True, says=says
    )


def _slope(sizes: Floats, draws: Floats) -> Floats:
    """Of the line through the quartiles over the number of workers, in times of one worker; for each draw of rounds."""
    times = np.quantile(draws, QUARTILE, axis=1)
    return np.asarray(np.polyfit(sizes, times.T, 1)[0] / times[:, sizes == 1].mean(axis=1))


def _exponent(sizes: Floats, draws: Floats) -> Floats:
    """Of the power law through the quartiles of more than one worker; for each draw of rounds."""
    times, more = np.quantile(draws, QUARTILE, axis=1), sizes > 1
    return np.asarray(np.polyfit(np.log(sizes[more]), np.log(times[:, more]).T, 1)[0])


def _told(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _kinds(record: CellRecord) -> list[str]:
    return list(dict.fromkeys(str(note["what"]) for note in record.notes("operation")))


def _table(record: CellRecord, what: str) -> tuple[Floats, list[Floats]]:
    """Of a kind of operation: the numbers of workers of the first round in rising order, and the seconds of each
    round in that order."""
    rounds: dict[int, list[tuple[int, float]]] = {}
    for note in record.notes("operation"):
        if note["what"] == what:
            rounds.setdefault(int(note["round"]), []).append((int(note["workers"]), float(note["seconds"])))
    ordered = [np.array(sorted(each), dtype=np.float64) for each in rounds.values()]
    return ordered[0][:, 0], [each[:, 1] for each in ordered]


def _unseen(record: CellRecord) -> Iterator[Measure]:
    """Operations that were answered, and that the processes did not show; nothing where these are not told."""
    shown = [bool(note["shown"]) for note in record.notes("operation") if note["shown"] is not None]
    if shown:
        missing = shown.count(False)
        says = "the number of running processes is not what was asked for" if missing else "all were shown"
        yield at_most("operations that no process shows", 0, missing, n=len(shown), says=says)


LINEAR = Linear()
