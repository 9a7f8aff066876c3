"""A property whose measurement is told by its settings: so a matrix can be tried in a second, and go wrong on request.

``python -m tests.matrix.synthetic matrix|calibrate …`` is the command with nothing but this property in every code.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import anyio
import psutil

from chaos.cells.bench import Bench
from chaos.cells.measuring import PROCEDURES
from chaos.errors import CapabilityError, ChaosError
from chaos.history import Event
from chaos.matrix import commands
from chaos.properties.base import CannotTell, Measure, at_most
from chaos.properties.judging import PROPERTIES
from chaos.properties.record import CellRecord
from chaos.properties.table import CODES
from chaos.targets.base import Processes, need

__all__ = ["Seen", "Synthetic", "SyntheticProcedure", "register"]


class Seen:
    """A view that keeps what it is shown."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def close(self) -> None:
        """Nothing is held."""

    def groups(self) -> list[str]:
        """What was measured, in order."""
        return [event["group"] for event in self.events if event["kind"] == "measuring"]


class SyntheticProcedure:
    """Serves a model for ``seconds``, then notes ``value``; the other settings say which API it goes wrong with."""

    together = False
    defaults: Mapping[str, float] = {
        "seconds": 0.05,
        "value": 1.0,
        "lacks": 0,
        "breaks": 0,
        "kills": 0,
        "forgets": 0,
    }

    def __init__(self, code: str, together: bool = False) -> None:
        self.code = code
        self.together = together

    async def measure(self, bench: Bench, apis: Sequence[str]) -> None:
        """As the class says."""
        settings = bench.settings
        if settings["lacks"]:
            raise CapabilityError("the target lacks it")
        if settings["breaks"]:
            raise ChaosError("it cannot be measured")
        if settings["forgets"]:
            await bench.call("register", "", bench.target.register(bench.model(), "echo", 1))  # type: ignore[attr-defined]
        async with bench.serving("echo") as model:
            if settings["kills"]:
                for pid in need(bench.target, Processes).pids():
                    with suppress(psutil.NoSuchProcess):
                        psutil.Process(pid).send_signal(signal.SIGKILL)
            await anyio.sleep(settings["seconds"])
            bench.note("value", value=settings["value"], model=model, seed=bench.seed)


class Synthetic:
    """Passes if the value is at most 2."""

    def __init__(self, code: str) -> None:
        self.code = code

    def judge(self, record: CellRecord) -> Sequence[Measure]:
        """One measure."""
        notes = record.notes("value")
        if not notes:
            raise CannotTell("no value was noted")
        value = float(notes[0]["value"])
        return [at_most("value", 2.0, value, value * 0.9, value * 1.1, unit="s", n=1)]

    def figure(self, record: CellRecord) -> dict[str, Any]:
        """None that is drawn."""
        return {}


def register(together: str = "B") -> None:
    """Put it in the place of every property; for a process of its own."""
    for code in CODES:
        PROCEDURES[code] = SyntheticProcedure(code, code in together)
        PROPERTIES[code] = Synthetic(code)


if __name__ == "__main__":
    register()
    name, *arguments = sys.argv[1:]
    os.environ.setdefault("CI", "1")
    getattr(commands, name).main(arguments, prog_name=f"chaos {name}")
