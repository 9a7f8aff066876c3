"""What a verification shows while it goes on: its course on a terminal, plain lines everywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TextIO

from rich.console import RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.text import Text

from chaos.history import Event
from chaos.operations.program import Program
from chaos.reporting.matrix.views import LiveView, notes, write_line
from chaos.reporting.terminal import SafeView, View, interactive
from chaos.reporting.verify.progress import Progress
from chaos.reporting.verify.words import rate_said, speed_said, steps_said
from chaos.reporting.words import span
from chaos.sla.rates import Rate

__all__ = ["open_search"]

PROBLEMS = 5
"""The latest of them are shown."""
WIDTH = 60
"""Of the bar, in characters."""
LINE_SHARE, LINE_SECONDS = 0.1, 10.0
"""A line for so much of what is planned, or after so long."""


def open_search(stream: TextIO) -> View:
    """The view that fits the stream: live on a terminal that can move its cursor, else plain lines."""
    if not interactive(stream):
        return SafeView(_PlainSearch(stream))
    progress = Progress()
    return SafeView(LiveView(stream, progress.feed, partial(_drawn, progress)))


def _drawn(progress: Progress, now: float) -> list[RenderableType]:
    left = progress.left(now)
    told = f"{progress.done} of {progress.planned} programs, {span(round(now - progress.start))} gone"
    told += f", about {span(round(left))} left" if left else ""
    failures = [line for event in progress.failures for line in _failure(event)]
    return [
        Text(),
        Text(told, "bold"),
        Padding(ProgressBar(total=progress.planned or 1, completed=progress.done, width=WIDTH), 0),
        Text(f"{_reached(progress)}   seed {progress.seed}", "dim"),
        Text(progress.doing, "cyan"),
        *(Text(line.plain, "bold red") for line in notes(failures)),
        *notes(progress.problems[-PROBLEMS:]),
    ]


class _PlainSearch:
    """A line now and then, for each turn that it takes, and for each problem."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress = Progress()
        self._said = 0.0
        self._told = 0

    def event(self, event: Event) -> None:
        """Print lines where the event is worth them."""
        progress = self._progress
        progress.feed(event)
        match event["kind"]:
            case "verify":
                defects = f", defects {', '.join(progress.defects)}" if progress.defects else ""
                self._say(f"{progress.planned} programs on {progress.target}, seed {progress.seed}{defects}")
            case "example" if event["failed"]:
                self._say(f"program {event['number']} of {event['size']} operations and faults failed")
            case "example" if self._due():
                self._told = progress.done
                left = progress.left(progress.now)
                rest = f", about {span(round(left))} left" if left else ""
                self._say(f"{progress.done} of {progress.planned} programs, {_reached(progress)}{rest}")
            case "confirming":
                self._say(progress.doing)
            case "shrinking" if progress.now - self._said >= LINE_SECONDS:
                self._say(progress.doing)
            case "failure":
                for line in _failure(event):
                    self._say(line)
            case "problem":
                self._say(f"problem: {event['text']}")
            case "verified":
                self._say(
                    f"{progress.done} of {progress.planned} programs, {_reached(progress)}: {progress.ended}"
                )

    def close(self) -> None:
        """Nothing is held."""

    def _due(self) -> bool:
        progress = self._progress
        more = progress.done - self._told
        return more >= max(LINE_SHARE * progress.planned, 1) or progress.now - self._said >= LINE_SECONDS

    def _say(self, text: str) -> None:
        self._said = self._progress.now
        write_line(self._stream, self._progress.now - self._progress.start, text)


def _reached(progress: Progress) -> str:
    pace = "" if progress.rate is None else f" ({speed_said(progress.rate)})"
    unknown = f", {progress.unknown} could not be told" if progress.unknown else ""
    return f"{progress.operations:,} operations{pace}, {len(progress.points)} points of coverage{unknown}"


def _failure(event: Event) -> Iterator[str]:
    """A failure, and the steps of what is left of the program."""
    again, rate = Rate(*event["again"]), Rate(*event["rate"])
    steps = steps_said(Program(steps=event["smallest"]).steps)
    if again.count:
        yield f"✗ {event['check']}: the smallest program found fails {rate_said(rate)}"
    else:
        yield f"✗ {event['check']}: the program that failed did not when it was run again, {again.n} times"
    for number, step in enumerate(steps, start=1):
        yield f"    {number}. {step}"
    if event["counterexample"]:
        yield f"    kept as {event['counterexample']}"
