"""G, release: what a model took is given back when it leaves, over repeated cycles and within a time limit.

A leak is what is left per cycle: the slope of the footprint after each cycle over the number of the cycle, estimated
by Theil and Sen with Sen's interval (Theil, 1950; Sen, *Journal of the American Statistical Association* 63, 1968;
:func:`scipy.stats.theilslopes`), which one odd reading does not move. The first cycles, in which pools are filled and
allocators get their arenas, are cut away. What exists or does not (processes, ports, shared memory, partitions) is
counted at the end as well: one that is left now and then is no slope yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy

from chaos.history import Event
from chaos.properties.base import CannotTell, Measure, at_most
from chaos.properties.record import CellRecord
from chaos.sla.statistics import CONFIDENCE

__all__ = ["RELEASE"]

NAMES = {
    "processes": "processes",
    "ports": "ports",
    "shared": "shared memory objects",
    "partitions": "partitions",
    "fds": "descriptors",
    "threads": "threads",
}
"""What is counted, in words."""

WHOLE = ("processes", "ports", "shared", "partitions")
"""What no pool and no cache explains if it is left."""

LEAST_CYCLES = 5
"""Fewer cycles than these after the warm-up give Sen's interval no bounds."""

LOAD = "inferences"


class Release:
    """Unregistering, or scaling down, gives back what registering, or scaling up, took."""

    code = "G"

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """What is left per cycle of each resource; what is left at the end; cycles that took too long."""
        settings = record.settings
        after = _settled(record)
        measures = [
            self._leak(after, name, f"{words} left per cycle", settings["leak_counted"], "")
            for name, words in NAMES.items()
            if after[0][name] is not None
        ]
        measures.append(self._leak(after, "memory", "memory left per cycle", settings["leak_bytes"], "bytes"))
        return [*measures, _at_the_end(after), _in_time(record)]

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """A staircase for each resource: three steps a cycle, in order.

        ``moments``: ``[[cycle, "before" | "serving" | "after"], …]``; ``resources``: name → its values at these moments
        (bytes for ``memory``, ``rss``, ``pss``; counts for the others; null where it cannot be read); ``slopes``: name
        → ``{"slope", "intercept", "low", "high"}`` per cycle of the values after each cycle, from cycle ``warmup`` on;
        ``released``: seconds that each cycle took to give back what is counted, null if it did not.
        """
        readings = list(record.kind("footprint"))
        names = [*NAMES, "memory", "rss", "pss"]
        return {
            "moments": [[event["cycle"], event["moment"]] for event in readings],
            "resources": {name: [event[name] for event in readings] for name in names},
            "slopes": {
                name: slope
                for name in (*NAMES, "memory")
                if (slope := _slope(_after(record), name)) is not None
            },
            "warmup": int(record.settings["warmup"]),
            "released": [event["seconds"] for event in record.notes("release")],
        }

    def _leak(self, after: Sequence[Event], name: str, words: str, limit: float, unit: str) -> Measure:
        slope = _slope(after, name)
        if slope is None:
            raise CannotTell(f"{words}: not every cycle was read")
        first, last = after[0][name], after[-1][name]
        says = f"{first} after cycle {after[0]['cycle'] + 1}, {last} after cycle {after[-1]['cycle'] + 1}"
        return at_most(
            words, limit, slope["slope"], slope["low"], slope["high"], unit=unit, n=len(after), says=says
        )


def _after(record: CellRecord) -> list[Event]:
    """The readings after each cycle but those of the warm-up."""
    warmup = int(record.settings["warmup"])
    return [
        event for event in record.kind("footprint") if event["moment"] == "after" and event["cycle"] >= warmup
    ]


def _settled(record: CellRecord) -> list[Event]:
    """The same, if they are worth judging.

    :raises CannotTell: if cycles are missing, or if nothing shows that the model was ever there
    """
    cycles = int(record.settings["cycles"])
    after = _after(record)
    if len(after) < LEAST_CYCLES or after[-1]["cycle"] != cycles - 1:
        raise CannotTell(
            f"{len(after)} cycles after the warm-up were read, of which at least {LEAST_CYCLES} are needed "
            "(set G.cycles higher)"
        )
    answered = int(record.requests(LOAD).ok.sum())
    if answered < cycles:
        raise CannotTell(f"{answered} inferences were answered in {cycles} cycles: the models did not serve")
    serving = {event["cycle"]: event for event in record.kind("footprint") if event["moment"] == "serving"}
    shown = sum(_more(serving[event["cycle"]], event) for event in after if event["cycle"] in serving)
    if 2 * shown < len(after):
        raise CannotTell(
            f"in {len(after) - shown} of {len(after)} cycles the target took no more while it served the model than "
            "after it (are its models served by other processes than those that own its ports?)"
        )
    return after


def _more(serving: Event, after: Event) -> bool:
    return any((serving[name] or 0) > (after[name] or 0) for name in (*NAMES, "memory"))


def _slope(after: Sequence[Event], name: str) -> dict[str, float] | None:
    """The Theil-Sen line of a resource over the cycles, with the bounds of its slope; None where it was not read."""
    values = [event[name] for event in after]
    if len(values) < LEAST_CYCLES or None in values:
        return None
    found = scipy.stats.theilslopes(values, [event["cycle"] for event in after], CONFIDENCE)
    bounds = {"low": float(found.low_slope), "high": float(found.high_slope)}
    return {"slope": float(found.slope), "intercept": float(found.intercept), **bounds}


def _at_the_end(after: Sequence[Event]) -> Measure:
    left = {NAMES[name]: (after[-1][name] or 0) - (after[0][name] or 0) for name in WHOLE}
    more = {words: number for words, number in left.items() if number > 0}
    says = "more than after the warm-up: " + ", ".join(f"{number} {words}" for words, number in more.items())
    return at_most(
        "left at the end",
        0,
        sum(more.values()),
        n=len(after),
        says=says if more else "nothing more than before",
    )


def _in_time(record: CellRecord) -> Measure:
    """Cycles that did not give back in the whole time; those that were given less are not counted."""
    limit = float(record.settings["release_seconds"])
    notes = [
        note for note in record.notes("release") if note["seconds"] is not None or note["waited"] >= limit
    ]
    if not notes:
        raise CannotTell("no cycle was given the time that it may take")
    seconds = [float(note["seconds"]) for note in notes if note["seconds"] is not None]
    slowest = f"the slowest of the others took {np.max(seconds):.2f} s" if seconds else "there are no others"
    late = len(notes) - len(seconds)
    # a busy machine makes it slower, never faster: that it was in time holds on any
    return at_most(
        f"cycles not released within {limit:g} s", 0, late, n=len(notes), timed=late > 0, says=slowest
    )


RELEASE = Release()
