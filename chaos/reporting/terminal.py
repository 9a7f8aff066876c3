"""What a run shows while it goes on: a live view on a terminal, plain lines everywhere else.

A view is fed every event as it is written to the history. It is decoration: one that breaks says so once
and goes dark; the run goes on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TextIO

from chaos.history import Event
from chaos.reporting.live import LiveView
from chaos.reporting.progress import Progress
from chaos.reporting.words import fault_said, span
from chaos.sla.documents import ProbeDocument

__all__ = ["PlainView", "SafeView", "View", "interactive", "open_view", "printable"]

PROGRESS_SECONDS = 5.0


class View(Protocol):
    """Shows a run. Both methods are called from whatever thread writes the history, one at a time."""

    def event(self, event: Event) -> None:
        """Take in an event; cheap, and never raises."""

    def close(self) -> None:
        """Leave the terminal as it was; idempotent."""


def open_view(stream: TextIO, probes: Sequence[ProbeDocument], planned: Mapping[str, float]) -> View:
    """The view that fits the stream: live on a terminal that can move its cursor, else plain lines.

    :param planned: the planned seconds of phases
    """
    progress = Progress(probes, planned)
    return SafeView(LiveView(stream, progress) if interactive(stream) else PlainView(stream, progress))


def interactive(stream: TextIO) -> bool:
    """Whether somebody looks at it, on a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("CI")


def printable(text: str, stream: TextIO) -> str:
    """A text that others chose, as the stream can show it in one line."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    encoding = stream.encoding or "utf-8"
    return line.encode(encoding, errors="replace").decode(encoding)


class SafeView:
    """Keeps a view's errors away from the run: the first one is logged, and the view is closed."""

    def __init__(self, view: View) -> None:
        self._view: View | None = view

    def event(self, event: Event) -> None:
        """Pass it on, for as long as that works."""
        if self._view is not None:
            self._guarded(self._view, lambda view: view.event(event))

    def close(self) -> None:
        """Close the view, if it is not yet."""
        view, self._view = self._view, None
        if view is not None:
            self._guarded(view, lambda view: view.close())

    def _guarded(self, view: View, function: Callable[[View], None]) -> None:
        try:
            function(view)
        except Exception as error:
            logging.getLogger("chaostoolkit").warning(f"The view of the run broke and is closed: {error!r}")
            self.close()


class PlainView:
    """Plain lines: one at each phase, fault event, guard and problem, and a progress line every five seconds."""

    def __init__(self, stream: TextIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress
        self._said = 0.0

    def event(self, event: Event) -> None:
        """Print a line where the event is worth one."""
        progress = self._progress
        progress.feed(event)
        match event["kind"]:
            case "phase" if event["phase"] != "end":
                planned = progress.planned.get(progress.phase)
                self._say(f"phase {progress.phase}" + (f", {span(planned)}" if planned else ""))
                self._said = progress.now
            case "phase":
                self._say("end of the measurement")
            case "fault":
                reason = f": {event['reason']}" if event.get("reason") else ""
                how = event["event"].upper() if event["event"] == "not reverted" else event["event"]
                self._say(f"{fault_said(event)} {how}{reason}")
            case "guard":
                self._say(
                    f"guard of {event['probe']} tripped: budget burns {event['burn']:.1f} times too fast"
                )
            case "problem":
                self._say(f"problem: {event['text']}")
            case "worker" if event["event"] == "died":
                self._say(f"traffic worker {event['worker']} died")
            case "frame" if progress.phase != "end" and progress.now - self._said >= PROGRESS_SECONDS:
                self._said = progress.now
                for name, probe in progress.probes.items():
                    rate, p99, errors = probe.recent(progress.now)
                    self._say(f"{progress.phase} {name}: {rate:.1f}/s, p99 {span(p99)}, {errors} errors")

    def close(self) -> None:
        """Nothing is held."""

    def _say(self, text: str) -> None:
        self._stream.write(f"[{self._progress.elapsed:7.1f} s] {printable(text, self._stream)}\n")
        self._stream.flush()
