"""The parts of the picture of a program (:mod:`chaos.reporting.verify.lanes`), as plotly traces, shapes and notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from chaos.operations.checks.base import Violation
from chaos.operations.record import Done, Seen
from chaos.reporting.axes import Figure, css, note
from chaos.reporting.shades import COLOURS
from chaos.reporting.verify.hovers import after, asked, found, stood
from chaos.reporting.verify.timeline import Timeline
from chaos.reporting.words import span

__all__ = ["Drawing", "Held"]

BAR = 0.6
"""Height of a bar, as a share of its row's."""

OUTCOMES = {
    "ok": ("answered as done", "--ok", ""),
    "fail": ("refused or failed", "--http5", ""),
    "info": ("not answered: nobody knows", "--noise", "/"),
}
"""By outcome: what it is called, colour, and pattern."""

LOOKS = (
    (True, "stood as it must", "--muted", "line-ns-open"),
    (False, "stood otherwise", "--fail", "x-thin-open"),
)
"""Of looks, whether all was as it must be: what that is called, colour and sign."""

Placed = Sequence[tuple[int, Done]]
"""Operations with their rows."""


@dataclass(frozen=True, slots=True)
class Held:
    """A fault as it truly was, in seconds of the monotonic clock; ``end`` is infinite if nobody saw it reverted."""

    label: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws on a time line from ``zero`` to ``end`` (monotonic clock).

    :param marked: by number of the operation, what a check found wrong with it
    :param left: by step, -1 for the end, what a check found wrong with what stood then
    """

    time: Timeline
    zero: float
    end: float
    marked: Mapping[int, Violation]
    left: Mapping[int, Violation]

    def place(self, at: float) -> float:
        """Where an instant is on the axis."""
        return round(self.time.place(min(at, self.end) - self.zero), 6)

    def bars(self, placed: Placed) -> Iterator[Figure]:
        """For each outcome bars; and, as these may be narrow, something in their middle to point at."""
        for outcome, (name, colour, pattern) in OUTCOMES.items():
            chosen = [(row, done) for row, done in placed if done.outcome == outcome]
            if not chosen:
                continue
            wrong = [done.number in self.marked for _, done in chosen]
            starts = [self.place(done.start) for _, done in chosen]
            widths = [round(self.place(done.end) - self.place(done.start), 6) for _, done in chosen]
            told = {
                "y": [row for row, _ in chosen],
                "customdata": [self._told(done) for _, done in chosen],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
            edge = {
                "color": [css("--fail" if bad else colour) for bad in wrong],
                "width": [3.0 if bad else 1.5 for bad in wrong],
            }
            stripes = {"shape": pattern, "fillmode": "overlay", "fgcolor": css("--bg"), "solidity": 0.3}
            yield {
                "type": "bar",
                "orientation": "h",
                "name": name,
                "base": starts,
                "x": widths,
                "width": BAR,
                "marker": {"color": css(colour), "pattern": stripes, "line": edge},
                **told,
            }
            yield {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [round(start + width / 2, 6) for start, width in zip(starts, widths, strict=True)],
                "marker": {"size": 16, "color": "rgba(0,0,0,0)"},
                "showlegend": False,
                **told,
            }

    def crosses(self, placed: Placed) -> Iterator[Figure]:
        """A sign at the end of each operation that a check found wrong."""
        wrong = [(row, done) for row, done in placed if done.number in self.marked]
        if wrong:
            yield _marks(
                "what a check found wrong",
                [(self.place(done.end), row, found(self.marked[done.number])) for row, done in wrong],
                {
                    "symbol": "x",
                    "size": 11,
                    "color": css("--fail"),
                    "line": {"width": 1.5, "color": css("--bg")},
                },
            )

    def looks(self, seen: Sequence[Seen], row: int, models: Mapping[str, str]) -> Iterator[Figure]:
        """A mark for each look: where all was as it must be, and where it was not, or did not come to that."""
        for right, name, colour, symbol in LOOKS:
            chosen = [each for each in seen if (each.rest is not None and self._wrong(each) is None) is right]
            if chosen:
                yield _marks(
                    name,
                    [(self.place(each.at), row, self._stood(each, models)) for each in chosen],
                    {"symbol": symbol, "size": 12, "color": css(colour), "line": {"width": 2}},
                )

    def faults(self, faults: Sequence[Held]) -> Iterator[Figure]:
        """A bar for each, in the first rows."""
        for row, fault in enumerate(faults):
            start = self.place(fault.start)
            until = (
                f"to {after(fault.end, self.zero)}" if fault.end < inf else "on, and was not seen reverted"
            )
            yield {
                "type": "bar",
                "orientation": "h",
                "name": fault.label,
                "base": [start],
                "x": [round(self.place(fault.end) - start, 6)],
                "y": [row],
                "width": BAR / 2,
                "marker": {"color": css(f"--fault-{row % COLOURS}-ink"), "line": {"width": 0}},
                "customdata": [f"{fault.label}: from {after(fault.start, self.zero)} {until}"],
                "hovertemplate": "%{customdata}<extra></extra>",
                "showlegend": False,
            }

    def shades(self, faults: Sequence[Held]) -> Iterator[Figure]:
        """The interval of each fault, over the whole height."""
        for row, fault in enumerate(faults):
            fill = {"fillcolor": css(f"--fault-{row % COLOURS}-fill"), "line": {"width": 0}}
            yield _box(self.place(fault.start), self.place(fault.end), **fill)

    def cuts(self) -> Iterator[Figure]:
        """Where time is cut."""
        edge = {"color": css("--axis"), "width": 1, "dash": "dot"}
        for cut in self.time.cuts:
            x0, x1 = (round(self.time.place(at), 6) for at in (cut.start, cut.end))
            yield _box(x0, x1, fillcolor=css("--panel"), line=edge)

    def lengths(self) -> Iterator[Figure]:
        """How long each cut truly is, written upwards within it."""
        for cut in self.time.cuts:
            middle = round(self.time.place((cut.start + cut.end) / 2), 6)
            place = {"xref": "x", "yref": "paper", "x": middle, "y": 0.98, "yanchor": "top", "textangle": -90}
            yield note(f"{span(cut.seconds)} cut", "--muted", **place)

    def _wrong(self, seen: Seen) -> Violation | None:
        """What a check found wrong with what stood; at the end it is what did not come to rest."""
        if seen.when == "step":
            return self.left.get(seen.step)
        return self.left.get(-1) if seen.rest is None else None

    def _stood(self, seen: Seen, models: Mapping[str, str]) -> str:
        told, wrong = stood(seen, self.zero, models), self._wrong(seen)
        return told if wrong is None else f"{told}<br>{found(wrong)}"

    def _told(self, done: Done) -> str:
        told = asked(done, self.zero)
        return f"{told}<br>{found(self.marked[done.number])}" if done.number in self.marked else told


def _marks(name: str, placed: Sequence[tuple[float, int, str]], marker: Figure) -> Figure:
    """Signs at places (x, row), each with what it tells."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x for x, _, _ in placed],
        "y": [row for _, row, _ in placed],
        "customdata": [told for _, _, told in placed],
        "marker": marker,
        "hovertemplate": "%{customdata}<extra></extra>",
        "cliponaxis": False,
    }


def _box(start: float, end: float, **look: object) -> Figure:
    """Over the whole height, behind all else."""
    box = {"xref": "x", "yref": "paper", "x0": start, "x1": end, "y0": 0, "y1": 1}
    return {"type": "rect", **box, "layer": "below", **look}
