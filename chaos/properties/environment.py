"""Whether the machine was quiet enough while a cell was measured: what others took of it, and how it answered itself.

The cell's ``environment`` events (:mod:`chaos.cells.environment`) tell what target and harness used of the processors
from what others did, and ``noise`` events how the harness answered itself meanwhile, its noise floor. The load that a
cell makes, and what the target needs to bear it, never spoil it: only others do.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from chaos.history import Event
from chaos.properties.record import CellRecord
from chaos.traffic.histogram import seconds_of

__all__ = ["spoilt"]

TAKEN = 0.25
"""The share of the processors that others may take, whoever else needs them: what shares a core shares its caches."""

TAKEN_OF_FULL = 0.1
"""The share that they may take when no more than :data:`SPARE` is idle, so that what they take is missed."""

SPARE = 0.2
STOLEN = 0.05
"""The share of the processors that the hypervisor may give to other machines."""

SPELL = 0.1
"""The share of a cell's time in which they may exceed that: medians and robust fits bear a tenth of outliers."""

STRETCH, STRETCH_SECONDS = 0.02, 1.0
"""How much of that may be at a stretch, as a share or in seconds, whichever is more: a phase is a second or two."""

SLOW_SECONDS = 0.02
SLOW = 0.05
"""The share of the null probe's answers that may take longer than :data:`SLOW_SECONDS` though half of the processors
are idle: then it is no load that holds them up, but a limit or a pause of the machine's own."""

IDLE = 0.5
FEWEST = 20


def spoilt(record: CellRecord) -> str:
    """Why the environment makes durations and rates of this record worthless; empty if it does not.

    Where the environment was not measured (no /proc), it is not known to have spoilt anything. A target whose processes
    run here unseen would be taken for a stranger: then only the moment before the cell tells.
    """
    spans = [event for event in record.kind("environment") if event["complete"] or event["phase"] == "before"]
    return _crowded_out(spans) or _held_up(record, spans)


def _crowded_out(spans: Sequence[Event]) -> str:
    total = sum(span["seconds"] for span in spans)
    stretches = [list(stretch) for crowded, stretch in groupby(spans, _crowded) if crowded]
    bad = [span for stretch in stretches for span in stretch]
    seconds = sum(span["seconds"] for span in bad)
    longest = max((sum(span["seconds"] for span in stretch) for stretch in stretches), default=0.0)
    if seconds <= SPELL * total and longest <= max(STRETCH * total, STRETCH_SECONDS):
        return ""
    cores = spans[0]["cores"]
    others = sum(max(span["busy"] - span["own"], 0.0) * span["seconds"] for span in bad) / seconds
    stolen = sum(span["steal"] * span["seconds"] for span in bad) / seconds
    return f"for {seconds:.1f} of {total:.1f} s others took {others:.2f} of {cores} processors on average" + (
        f", and the hypervisor {stolen:.2f}" if stolen >= STOLEN * cores / 2 else ""
    )


def _crowded(span: Event) -> bool:
    """Whether others took so much in a span of time that whoever was measured may have had to wait for it."""
    cores = span["cores"]
    others = (span["busy"] - span["own"]) / cores
    return bool(
        others >= TAKEN
        or (others >= TAKEN_OF_FULL and _idle(span) <= SPARE)
        or span["steal"] / cores >= STOLEN
    )


def _idle(span: Event) -> float:
    return float(1.0 - (span["busy"] + span["steal"]) / span["cores"])


def _held_up(record: CellRecord, spans: Sequence[Event]) -> str:
    """Whether the null probe was slow where the processors had time for it."""
    quiet = [(span["at"] - span["seconds"], span["at"]) for span in spans if _idle(span) >= IDLE]
    cells = [
        (seconds_of(bucket), count)
        for event in record.kind("noise")
        if any(start <= event["at"] < end for start, end in quiet)
        for _slot, _outcome, bucket, count in event["cells"]
    ]
    total = sum(count for _, count in cells)
    slow = sum(count for seconds, count in cells if seconds > SLOW_SECONDS)
    if total < FEWEST or slow <= SLOW * total:
        return ""
    return (
        f"{slow} of {total} answers of the null probe took over {1000 * SLOW_SECONDS:g} ms while half of the "
        "processors were idle: something else held the harness up, such as a quota or a pause of the machine"
    )
