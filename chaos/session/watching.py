"""Watches what the target says it serves and what really runs, five times a second; reads what was executed.

Checks judge by it.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from chaos.targets.base import Describe, Target
from chaos.targets.looking import look_at
from chaos.targets.records import ErrorRecord

__all__ = ["EXECUTIONS", "error_entry", "read_executions", "watch_state"]

EXECUTIONS = "executions.log"
"""Name of the record of executions in a run directory."""

SHOWN = 20
"""Repeated executions that are listed; all are counted."""

Emit = Callable[..., object]


async def watch_state(target: Target, models: Sequence[str], emit: Emit, seconds: float = 0.2) -> None:
    """Emit a ``state`` event every ``seconds``, for a target that describes its models. Runs until cancelled.

    To read the processes of a platform takes some 5 ms of CPU: more looks would be felt by what is measured on a small
    machine.
    """
    if not isinstance(target, Describe):
        return
    due = time.monotonic()
    while True:
        emit("state", **(await look_at(target, models)).values())
        # A slow look is not made up for by a burst of quick ones.
        due = max(due + seconds, time.monotonic())
        await anyio.sleep(max(due - time.monotonic(), 0.0))


def read_executions(path: Path) -> dict[str, Any]:
    """What the record of executions says, as the values of an ``executions`` event.

    A line is ``monotonic model pid nonce``. ``counted`` is false if a line is none. Memory is 8 bytes an execution
    plus what was repeated: the first reading finds hashes that occur twice, the second counts those exactly.

    :raises OSError: if it cannot be read
    """
    hashes, models = array("q"), Counter[str]()
    broken = 0
    for entry in _executions(path):
        if entry is None:
            broken += 1
        else:
            models[entry[0]] += 1
            hashes.append(hash(entry))
    values, counts = np.unique(np.frombuffer(hashes, dtype=np.int64), return_counts=True)
    twice = set(values[counts > 1].tolist())
    times = Counter(
        entry for entry in _executions(path) if twice and entry is not None and hash(entry) in twice
    )
    repeated = [(model, nonce, count) for (model, nonce), count in times.items() if count > 1]
    return {
        "counted": broken == 0,
        "total": len(hashes),
        "models": dict(models),
        "repeated": [list(entry) for entry in repeated[:SHOWN]],
        "repeats": sum(count - 1 for _model, _nonce, count in repeated),
    }


def _executions(path: Path) -> Iterator[tuple[str, str] | None]:
    """``(model, nonce)`` of each line; None for one that is broken."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            parts = line.rstrip("\n").split(" ", 3)
            yield (parts[1], parts[3]) if len(parts) == 4 and line.endswith("\n") else None


def error_entry(record: ErrorRecord) -> dict[str, Any]:
    """One entry of an ``errors`` event: ``at`` is the instant on the monotonic clock."""
    return {
        "model": record.model,
        "type": record.type,
        "by": record.by,
        "pid": record.pid,
        "at": record.monotonic,
        "detail": record.detail,
    }
