"""True time on an axis, in which gaps are cut where little would be seen otherwise.

A program whose last step never comes to rest takes milliseconds, and then seconds in which nothing is asked. As few
gaps are cut as it takes to give the times in which something is under way their share of the axis, the longest first;
a cut is drawn with its true length, and ticks tell true times on either side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Cut", "Timeline", "timeline_of"]

SHARE = 0.1
"""Of the axis, for what is under way."""
CUT_WIDTH = 0.3
"""Of a cut on the axis, compared to all that is under way."""
SHORTEST = 1e-3
"""Seconds: an axis is never shorter."""
TICKS = 7


@dataclass(frozen=True, slots=True)
class Cut:
    """A gap that is cut, in true time: seconds since the beginning."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it truly is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Timeline:
    """Seconds from 0 to ``end``; each of the ``cuts``, sorted, takes ``width`` on the axis."""

    end: float
    cuts: tuple[Cut, ...] = ()
    width: float = 0.0

    def place(self, at: float) -> float:
        """Where an instant (seconds since the beginning) stands on the axis; those in a cut keep their order."""
        moved = 0.0
        for cut in self.cuts:
            if at >= cut.end:
                moved += cut.seconds - self.width
            elif at > cut.start:
                return cut.start - moved + self.width * (at - cut.start) / cut.seconds
        return at - moved

    @property
    def length(self) -> float:
        """Of the axis."""
        return self.place(self.end)

    def ticks(self) -> list[tuple[float, str]]:
        """Where ticks stand, and the true time at each; at least one between two cuts."""
        step = _round(max(self.length, SHORTEST) / TICKS)
        edges = [0.0, *(edge for cut in self.cuts for edge in (cut.start, cut.end)), self.end]
        found: list[tuple[float, str]] = []
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            numbers = range(math.ceil(start / step - 1e-9), math.floor(end / step + 1e-9) + 1)
            for at in [number * step for number in numbers] or [start]:
                place = self.place(at)
                if not found or place - found[-1][0] > 0.6 * step:
                    found.append((place, _said(at, step)))
        return found


def timeline_of(spans: Sequence[tuple[float, float]], end: float) -> Timeline:
    """An axis for what is under way in these spans (seconds since the beginning), up to the ``end``."""
    if not spans:
        return Timeline(max(end, SHORTEST))
    reached = lively = 0.0
    gaps: list[Cut] = []
    for start, until in [*sorted(spans), (end, end)]:
        if start > reached:
            gaps.append(Cut(reached, start))
        lively += max(0.0, until - max(start, reached))
        reached = max(reached, until)
    lively = max(lively, SHORTEST)
    width = CUT_WIDTH * lively
    shown, cuts = reached, []
    for gap in sorted(gaps, key=lambda gap: gap.seconds, reverse=True):
        if lively >= SHARE * shown or gap.seconds < 2 * width:
            break
        shown -= gap.seconds - width
        cuts.append(gap)
    return Timeline(max(reached, SHORTEST), tuple(sorted(cuts, key=lambda cut: cut.start)), width)


def _round(step: float) -> float:
    """The next of 1, 2 and 5 times powers of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * (1 - 1e-9))


def _said(at: float, step: float) -> str:
    """In seconds, or in milliseconds below one, with as many digits as the step needs."""
    if at == 0:
        return "0"
    unit, scale = ("ms", 1e3) if at < 1 else ("s", 1.0)
    digits = max(0, -math.floor(math.log10(step * scale) + 1e-9))
    return f"{at * scale:.{digits}f} {unit}"
