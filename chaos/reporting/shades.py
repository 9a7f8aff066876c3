"""Where each fault is shaded: from in force to reverted, with a colour and a lane of its own where several meet."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.analysis import Summary
from chaos.recording import FaultInterval

__all__ = ["COLOURS", "LANES", "Shade", "shades_of"]

COLOURS = 6
"""Distinct colours; what follows begins again with the first."""

LANES = 6
"""Labels that stand one below the other; where there are more, the rest have none."""

MOST = 40
"""Characters of a label."""

CHARACTER = 0.0075
"""Width of a character of a label, as a share of the plot's."""


@dataclass(frozen=True, slots=True)
class Shade:
    """A fault's true interval, in seconds since the run's start.

    ``colour`` is the index of its colour: faults of one kind with one model share it. ``lane`` is how many labels stand
    above its own.
    """

    id: str
    label: str
    start: float
    end: float
    colour: int = 0
    lane: int = 0


def shades_of(summary: Summary, end: float) -> tuple[Shade, ...]:
    """A shade for each fault that was in force; one that nobody saw reverted lasts to the ``end``."""
    faults = [fault for fault in summary.faults if fault.injected is not None]
    names = list(dict.fromkeys(_label(fault) for fault in faults))
    ends: list[float] = []
    shades = []
    for fault in sorted(faults, key=lambda fault: fault.injected or 0.0):
        label = _label(fault)
        start = (fault.injected or 0.0) - summary.start
        until = end if fault.reverted is None else fault.reverted - summary.start
        half = min(len(label), MOST) * CHARACTER * end / 2
        left, right = min(start, (start + until) / 2 - half), max(until, (start + until) / 2 + half)
        lane = next((index for index, taken in enumerate(ends) if taken <= left), len(ends))
        ends[lane : lane + 1] = [right]
        shades.append(Shade(fault.id, _cut(label), start, until, names.index(label) % COLOURS, lane))
    return tuple(shades)


def _label(fault: FaultInterval) -> str:
    """Its name and what tells it from others of that name."""
    arguments = fault.arguments
    words = [
        arguments[name]
        for name in ("mode", "link", "toxic", "role", "action", "operation")
        if name in arguments
    ]
    told = " ".join(str(word) for word in words if word)
    return f"{fault.fault}: {told}" if told else fault.fault


def _cut(text: str) -> str:
    return text if len(text) <= MOST else text[: MOST - 1] + "…"
