"""Short histories for tests of checks, written by hand: a run of 30 s from instant 1000, and a fault from 10 to 20 s.

All times in here are seconds since the run's start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chaos.checks.base import Check
from chaos.checks.evidence import gather
from chaos.checks.results import CheckResult
from chaos.history import Event
from chaos.recording import record
from chaos.traffic.histogram import buckets_of, slot_of
from chaos.traffic.spec import Outcome

__all__ = ["evidence", "fault", "frame", "judged", "model", "probe", "run", "state", "states"]

START = 1000.0


def run(*probes: dict[str, Any], checks: Sequence[dict[str, Any]] = ()) -> Event:
    """The first event."""
    return {
        "kind": "run", "at": START, "run_id": "r", "seed": 7, "target": "embedded", "defects": [], "title": "T",
        "version": "0", "wall": 1.7e9, "replay": "chaos run", "probes": list(probes), "checks": list(checks),
    }  # fmt: skip


def probe(name: str = "victim", model: str = "iris", **more: Any) -> dict[str, Any]:
    """A probe whose requests have a nonce."""
    schedule = {"arrival": "constant", "rate": 50}
    objectives = [{"sli": "availability", "at_least": 0.5}]
    return {
        "name": name, "model": model, "payload": {"x": [1], "nonce": "{nonce}"}, "schedule": schedule,
        "objectives": objectives, **more,
    }  # fmt: skip


def fault(
    name: str,
    arguments: dict[str, Any],
    *,
    intent: float = 9.9,
    injected: float | None = 10.0,
    reverted: float | None = 20.0,
    number: int = 1,
) -> list[Event]:
    """A fault's life."""
    about = {
        "kind": "fault", "id": f"{name}-{number}", "fault": name, "model": arguments.get("model", ""),
        "arguments": arguments, "reason": "",
    }  # fmt: skip
    steps = [("intent", intent), ("injected", injected), ("reverted", reverted)]
    return [{**about, "event": event, "at": START + at} for event, at in steps if at is not None]


def evidence(at: float, about: str, lease: str, **values: Any) -> Event:
    """What a fault noted."""
    return {"kind": "evidence", "at": START + at, "about": about, "lease": lease, **values}


def model(
    desired: int, pids: Iterable[int], workers: int | None = None, *, counted: bool = True
) -> dict[str, Any]:
    """A model in a ``state`` event; as many are ready as live unless said otherwise."""
    living = sorted(pids)
    ready = len(living) if workers is None else workers
    return {"desired": desired, "workers": ready, "pids": living, "alive": len(living) if counted else None}


def state(
    at: float,
    links: Sequence[tuple[str, str, bool]] | None = (),
    error: str = "",
    strays: int = 0,
    stood: float = 0.0,
    **models: Any,
) -> Event:
    """A look at the target, whose links have been as they are since ``stood``."""
    told = [{"name": name, "model": of, "up": up, "since": START + stood} for name, of, up in links or ()]
    return {
        "kind": "state",
        "at": START + at,
        "models": models,
        "strays": strays,
        "links": None if links is None else told,
        "error": error,
    }


def states(since: float, until: float, step: float = 0.1, **values: Any) -> list[Event]:
    """The same look again and again, from ``since`` to before ``until``."""
    return [state(float(at), **values) for at in np.arange(since, until - 1e-6, step)]


def frame(since: float, until: float, outcome: Outcome = Outcome.OK, name: str = "victim") -> list[Event]:
    """Five requests in each slot of that time, answered after 5 ms, in frames of a worker of their own."""
    bucket = int(buckets_of(np.array([0.005]))[0])
    cells = [
        [slot, int(outcome), bucket, 5]
        for slot in range(slot_of(START + since + 0.05), slot_of(START + until + 0.05))
    ]
    planned = 5 * len(cells)
    entry = {"cells": cells, "late": [], "planned": planned}
    worker = f"probes-{since}-{outcome.name}"
    return [{"kind": "frame", "at": START + until + 0.1, "worker": worker, "streams": {name: entry}}]


def judged(check: Check, *events: Event | list[Event], whole: bool = True) -> CheckResult:
    """The result of a check over a history; all but the ``run`` event is put in order."""
    flat = [event for part in events for event in (part if isinstance(part, list) else [part])]
    if flat[0]["kind"] != "run":
        flat.insert(0, run(probe()))
    if whole:
        flat.append({"kind": "end", "at": START + 30, "status": "completed", "deviated": False, "reason": ""})
    flat = [flat[0], *sorted(flat[1:], key=lambda event: float(event["at"]))]
    return check.judged(gather(flat, record(flat)))
