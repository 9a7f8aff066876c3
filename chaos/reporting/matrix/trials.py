"""What a calibration shows while it goes on: how far it is, how long the rest takes, what was not as it should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import TextIO

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.text import Text

from chaos.history import Event
from chaos.reporting.matrix.views import LiveView, notes, write_line
from chaos.reporting.matrix.words import SIGN
from chaos.reporting.terminal import SafeView, View, interactive
from chaos.reporting.words import span

__all__ = ["TrialProgress", "open_trials"]

ODD = 8
"""The latest of what was not as it should be are shown."""


def open_trials(stream: TextIO) -> View:
    """The view that fits the stream: live on a terminal that can move its cursor, else plain lines."""
    if not interactive(stream):
        return SafeView(_PlainTrials(stream))
    progress = TrialProgress()
    return SafeView(LiveView(stream, progress.feed, partial(_drawn, progress)))


@dataclass(slots=True)
class TrialProgress:
    """Folded from a calibration's events. Instants are of the monotonic clock, in seconds."""

    sizes: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    running: str = ""
    start: float = 0.0
    since: float = 0.0
    now: float = 0.0
    odd: list[str] = field(default_factory=list)
    """What was missed, alarmed falsely, could not be told, or went wrong."""
    _took: dict[str, list[float]] = field(default_factory=dict)

    def feed(self, event: Event) -> None:
        """Take in an event."""
        self.now = event["at"]
        match event["kind"]:
            case "calibrate":
                self.sizes, self.start = dict(event["trials"]), event["at"]
            case "trial":
                self.running, self.since = event["name"], event["at"]
            case "tried":
                self.done.add(event["name"])
                took = event["at"] - self.since
                if took > 1.0:  # one of an earlier run is only judged
                    self._took.setdefault(_kind(event["name"]), []).append(took)
                meant = "fail" if event["defect"] else "pass"
                self.odd += [
                    f"{event['name']} {cell} {SIGN[verdict]} {verdict}: {reason}"
                    for cell, verdict, reason in event["cells"]
                    if verdict != meant
                ]
                self.running = ""
            case "problem":
                self.odd.append(event["text"])

    def left(self, now: float) -> float | None:
        """Seconds that the rest takes, as trials of the same kind took, else by the number of cells."""
        if not self._took:
            return None
        seen = [(took, self._size(kind)) for kind, all_ in self._took.items() for took in all_]
        each = sum(took for took, _ in seen) / max(sum(size for _, size in seen), 1)
        due = 0.0
        for name, size in self.sizes.items():
            if name not in self.done:
                took = self._took.get(_kind(name))
                due += fmean(took) if took else each * size
        return max(0.0, due - (now - self.since if self.running else 0.0))

    def _size(self, kind: str) -> int:
        return next((size for name, size in self.sizes.items() if _kind(name) == kind), 1)


def _drawn(progress: TrialProgress, now: float) -> list[RenderableType]:
    left = progress.left(now)
    told = f"{len(progress.done)} of {len(progress.sizes)} trials, {span(round(now - progress.start))} gone"
    told += f", about {span(round(left))} left" if left else ""
    runs = f"{progress.running} for {now - progress.since:.0f} s" if progress.running else ""
    return [
        Text(told, "bold"),
        ProgressBar(total=len(progress.sizes) or 1, completed=len(progress.done), width=60),
        Text(runs, "cyan"),
        *notes(progress.odd[-ODD:], no_wrap=True),
    ]


class _PlainTrials:
    """A line for each trial that has ended, and for each problem."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress = TrialProgress()

    def event(self, event: Event) -> None:
        """Print a line where the event is worth one."""
        progress = self._progress
        progress.feed(event)
        match event["kind"]:
            case "calibrate":
                self._say(f"{len(progress.sizes)} trials, {sum(progress.sizes.values())} cell runs")
            case "tried":
                meant = "fail" if event["defect"] else "pass"
                told = ", ".join(f"{cell} {SIGN[verdict]}" for cell, verdict, _ in event["cells"])
                left = progress.left(progress.now)
                rest = f", about {span(round(left))} left" if left else ""
                self._say(f"{len(progress.done)} of {len(progress.sizes)}: {event['name']}: {told}{rest}")
                for cell, verdict, reason in event["cells"]:
                    if verdict != meant:
                        self._say(f"    {cell} {verdict}: {reason}")
            case "problem":
                self._say(f"problem: {event['text']}")

    def close(self) -> None:
        """Nothing is held."""

    def _say(self, text: str) -> None:
        write_line(self._stream, self._progress.now - self._progress.start, text)


def _kind(trial: str) -> str:
    return trial.rpartition("-")[0]
