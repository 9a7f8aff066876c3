"""Records of isolation cells as the procedure writes them: a victim that hostile handlers slow or fail, or do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from chaos.history import Event
from chaos.properties.record import CellRecord
from chaos.traffic.histogram import SLOT_SECONDS, buckets_of
from chaos.traffic.spec import Outcome

RATE = 80.0
SERVICE = 0.018
SPAN = 2.0
BEGIN = 1001.0


def record(
    slow: dict[str, float] | None = None,
    failing: dict[str, float] | None = None,
    modes: tuple[str, ...] = ("occupy", "crash"),
    noise: float = 0.0005,
    drop: tuple[str, ...] = (),
    seed: int = 1,
) -> CellRecord:
    """Windows of two seconds, a second apart. ``slow`` is by mode, or ``recovery``: how many times as slow it is."""
    rng = np.random.default_rng(seed)
    names = [("baseline", ""), *(("fault", mode) for mode in modes), ("recovery", "")]
    events: list[dict[str, Any]] = []
    rows: list[list[float]] = []
    for index, (phase, mode) in enumerate(names):
        start = BEGIN + 1.0 + 3.0 * index
        events.append(
            {
                "kind": "note",
                "at": start + SPAN,
                "about": "window",
                "phase": phase,
                "mode": mode,
                "start": start,
                "end": start + SPAN,
            }
        )
        name = mode or phase
        factor, share = (slow or {}).get(name, 1.0), (failing or {}).get(name, 0.0)
        for at in np.arange(start + 0.001, start + SPAN, 1 / RATE):
            latency = SERVICE * factor * rng.uniform(0.9, 1.1)
            outcome = Outcome.HTTP_5XX if rng.random() < share else Outcome.OK
            rows.append([at, at, at + latency, outcome])
    slots = np.arange(int(BEGIN / SLOT_SECONDS), int((BEGIN + 20) / SLOT_SECONDS))
    bucket = int(buckets_of(np.array(noise)))
    cells = [[int(slot), int(Outcome.OK), bucket, 5] for slot in slots]
    events.append({"kind": "noise", "at": BEGIN, "cells": cells})
    events.append({"kind": "requests", "at": BEGIN, "load": "victim", "rows": rows})
    kept = tuple(
        event for event in events if event.get("phase") not in drop and event.get("load") not in drop
    )
    planned = {"rate": RATE, "timeout": 5.0}
    return CellRecord("handlers", "C", seed, planned, BEGIN, BEGIN + 20, "measured", "", kept)


def events_of(measured: CellRecord, outcome: str = "measured", reason: str = "") -> list[Event]:
    """The record as a history has it, between the beginning and the end of its cell."""
    cell = {"kind": "cell", "code": measured.code, "apis": [measured.api]}
    begin = {"event": "begin", "seed": measured.seed, "settings": dict(measured.settings)}
    end = {"event": "end", "outcome": outcome, "reason": reason}
    inside = measured.events if outcome == "measured" else ()
    return [{**cell, "at": measured.begin, **begin}, *inside, {**cell, "at": measured.begin + 20, **end}]
