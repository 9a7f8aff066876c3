"""What the test of a handler shows while it goes on: its steps on a terminal, plain lines everywhere else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from chaos.history import Event
from chaos.reporting.matrix.views import LiveView, write_line
from chaos.reporting.terminal import SafeView, View, interactive, printable
from chaos.reporting.words import span

__all__ = ["open_steps", "step_event"]

WIDTH = 28
"""Of a bar, in characters."""
LINE_SECONDS = 5.0
"""A line at least so often, where there is something to say."""
MOST_WORDS = 100


@dataclass(slots=True)
class _Phase:
    name: str
    done: int
    planned: int
    words: str
    begun: float
    now: float

    @property
    def over(self) -> bool:
        return 0 < self.planned <= self.done


@dataclass(slots=True)
class Progress:
    """The phases so far, in order; instants are of the monotonic clock, in seconds."""

    start: float = 0.0
    now: float = 0.0
    phases: dict[str, _Phase] = field(default_factory=dict)

    def feed(self, event: Event) -> None:
        """Take in an event of :func:`step_event`."""
        at, name = event["at"], event["phase"]
        self.start = self.start or at
        self.now = max(self.now, at)
        phase = self.phases.setdefault(name, _Phase(name, 0, 0, "", at, at))
        phase.done, phase.planned, phase.words, phase.now = (
            event["done"],
            event["planned"],
            event["words"],
            at,
        )


def step_event(phase: str, done: int, planned: int, words: str = "") -> Event:
    """A step of a test as an event of a view: so many of so many of a phase are done."""
    at = time.monotonic()
    return {"kind": "step", "at": at, "phase": phase, "done": done, "planned": planned, "words": words}


def open_steps(stream: TextIO) -> View:
    """The view that fits the stream. Its events may come from several threads."""
    if not interactive(stream):
        return SafeView(_PlainSteps(stream))
    progress = Progress()
    return SafeView(
        LiveView(stream, progress.feed, partial(_drawn, progress, partial(printable, stream=stream)))
    )


def _drawn(progress: Progress, clean: Callable[[str], str], now: float) -> Sequence[RenderableType]:
    table = Table.grid(padding=(0, 2))
    last = next(reversed(progress.phases), "")
    for phase in progress.phases.values():
        sign = Text("•", "dim") if phase.over or phase.name != last else Text("▶", "cyan")
        pulse = phase.planned <= 0 and phase.name == last
        bar = ProgressBar(phase.planned or None, phase.done, width=WIDTH, pulse=pulse, animation_time=now)
        count = f"{phase.done} of {phase.planned}" if phase.planned > 1 else ""
        took = span(round((now if phase.name == last and not phase.over else phase.now) - phase.begun, 1))
        words = Text(clean(phase.words)[:MOST_WORDS], "dim", no_wrap=True, overflow="ellipsis")
        table.add_row(
            sign, Text(clean(phase.name)), bar, Text(count, justify="right"), Text(took, "dim"), words
        )
    return [Text(), table]


class _PlainSteps:
    """A line when a phase begins, now and then within it, and when it is over."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress = Progress()
        self._lock = threading.Lock()
        self._said = 0.0
        self._over: set[str] = set()

    def event(self, event: Event) -> None:
        """Print a line where the event is worth one."""
        with self._lock:
            name, known = event["phase"], event["phase"] in self._progress.phases
            self._progress.feed(event)
            phase = self._progress.phases[name]
            if phase.over and name not in self._over:
                self._over.add(name)
            elif known and (name in self._over or event["at"] - self._said < LINE_SECONDS):
                return
            self._said = event["at"]
            count = f": {phase.done} of {phase.planned}" if phase.planned > 1 else ""
            words = f" ({phase.words[:MOST_WORDS]})" if phase.words else ""
            write_line(self._stream, event["at"] - self._progress.start, f"{name}{count}{words}")

    def close(self) -> None:
        """Nothing is held."""
