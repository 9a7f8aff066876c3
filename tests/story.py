"""A whole run in the history's own words, to be changed by each test in one respect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chaos.analysis import Summary, analyse
from chaos.traffic.histogram import buckets_of, slot_of
from chaos.traffic.spec import Outcome

PROBE: dict[str, Any] = {
    "name": "victim",
    "model": "victim",
    "payload": {"nonce": "{nonce}"},
    "schedule": {"arrival": "constant", "rate": 200},
    "timeout": 2.0,
    "objectives": [
        {"sli": "availability", "at_least": 0.99},
        {"sli": "correctness", "at_least": 1.0},
        {"sli": "latency", "quantile": 0.99, "at_most_ratio": 3, "phases": ["fault", "recovery"]},
    ],
}


Event = dict[str, Any]
START = 1000.0
PHASES = {"warmup": 1.0, "baseline": 4.0, "fault": 4.0, "recovery": 4.0}
ONCE = {"check": "executed_once"}
EXECUTIONS: Event = {
    "kind": "executions", "at": START + 13, "counted": True, "total": 9000, "models": {"victim": 9000},
    "repeated": [], "repeats": 0,
}  # fmt: skip
TWICE = EXECUTIONS | {"repeats": 1, "repeated": [["victim", "ab-7", 2]]}


def began(phase: str) -> float:
    """The instant at which a phase begins in the run of these tests."""
    names = list(PHASES)
    return START + sum(PHASES[name] for name in names[: names.index(phase)])


@dataclass
class Story:
    """A whole run in the history's own words, to be changed by each test in one respect."""

    slow: float = 1.0
    """How many times slower the victim is while the fault is in force."""
    failing: float = 0.0
    """The share of its requests that fail then."""
    noise: float = 0.0
    """Seconds added to the null probe's latency then."""
    drop: tuple[str, ...] = ()
    """Kinds of events, or ``kind:event``, that are left out."""
    extra: list[Event] = field(default_factory=list)
    end: Event = field(default_factory=lambda: {"status": "completed", "deviated": False, "reason": ""})
    probes: list[dict[str, Any]] = field(default_factory=lambda: [PROBE])
    checks: list[dict[str, Any]] = field(default_factory=list)

    def events(self) -> list[Event]:
        """The history, oldest first."""
        end = START + sum(PHASES.values())
        lease = {
            "id": "handler_dos-1",
            "fault": "handler_dos",
            "model": "hostile",
            "arguments": {"mode": "burn"},
        }
        events: list[Event] = [{"kind": "phase", "at": began(phase), "phase": phase} for phase in PHASES]
        events += [
            {"kind": "fault", "at": began("fault") - 0.01, "event": "intent", "reason": "", **lease},
            {"kind": "fault", "at": began("fault") + 0.1, "event": "injected", "reason": "", **lease},
            {"kind": "fault", "at": began("recovery"), "event": "reverted", "reason": "as planned", **lease},
            {"kind": "phase", "at": end, "phase": "end"},
            {"kind": "end", "at": end + 0.2, **self.end},
            *self.frames(),
            *self.extra,
        ]
        events = [e for e in events if not {e["kind"], f"{e['kind']}:{e.get('event')}"} & set(self.drop)]
        run = {
            "kind": "run", "at": START, "run_id": "r1", "seed": 7, "target": "embedded", "defects": [],
            "title": "Isolation", "experiment": "e.json", "version": "0", "wall": 1.7e9, "command": "chaos run",
            "replay": "chaos run --var seed=7", "probes": self.probes, "phases": {},
            "checks": self.checks,
        }  # fmt: skip
        return [run, *sorted(events, key=lambda event: float(event["at"]))]

    def frames(self) -> list[Event]:
        """Ten frames a second of a probe of 200 requests a second, a null probe, and hostile traffic."""
        rng = np.random.default_rng(3)
        frames, planned = [], 0
        for slot in range(slot_of(START), slot_of(START + sum(PHASES.values()))):
            struck = began("fault") <= (slot + 0.5) / 10 < began("recovery")
            latency = rng.lognormal(np.log(0.005), 0.3, 20) * (self.slow if struck else 1.0)
            failed = rng.random(20) < (self.failing if struck else 0.0)
            outcomes = np.where(failed, Outcome.HTTP_5XX, Outcome.OK)
            planned += 20
            echo = buckets_of(rng.lognormal(np.log(0.0002), 0.2, 10) + (self.noise if struck else 0.0))
            streams = {
                "victim": self.entry(slot, outcomes, buckets_of(latency), planned),
                "null": self.entry(slot, np.zeros(10), echo, planned // 2),
            }
            frames.append({"kind": "frame", "at": (slot + 1) / 10, "worker": "probes", "streams": streams})
            hostile = {
                "victim": self.entry(slot, np.full(5, Outcome.TIMEOUT), np.full(5, 1500), planned // 4)
            }
            frames.append({"kind": "frame", "at": (slot + 1) / 10, "worker": "fault:x", "streams": hostile})
        return frames

    @staticmethod
    def entry(slot: int, outcomes: Any, buckets: Any, planned: int) -> dict[str, Any]:
        """One stream's part of a frame."""
        cells = [[slot, int(o), int(b), 1] for o, b in zip(outcomes, buckets, strict=True)]
        late = [[int(buckets_of(np.array(1e-4))), len(cells)]]
        return {
            "cells": cells,
            "late": late,
            "planned": planned,
            "done": planned,
            "sent": planned,
            "in_flight": 0,
        }


def told(**changes: Any) -> Summary:
    """The summary of a story."""
    return analyse(Story(**changes).events())
