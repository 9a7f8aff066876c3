"""The live view of a terminal: phases with a countdown, each probe's objectives, a sparkline, faults, resources.

It is redrawn a few times a second by a thread of rich's; events only change what is drawn. Chaos Toolkit's
log goes through the same console meanwhile, so that its lines appear above the view and not within it.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from chaos.history import Event
from chaos.reporting.progress import ProbeProgress, Progress
from chaos.reporting.words import fault_said, quantity, span

__all__ = ["LiveView", "sparkline"]

REFRESHES = 4
"""A second."""

BARS = "▁▂▃▄▅▆▇█"
PHASES = ("warmup", "baseline", "fault", "recovery")
MARKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("…", "dim")}


class LiveView:
    """Draws a run on a terminal until it is closed."""

    def __init__(self, stream: TextIO, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._console = Console(file=stream, highlight=False)
        self._live = Live(
            console=self._console,
            get_renderable=self.render,
            refresh_per_second=REFRESHES,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=True,
        )
        self._live.start()
        self._replaced = list(_redirect(stream, self._console))

    def event(self, event: Event) -> None:
        """Change what is drawn next."""
        with self._lock:
            self._progress.feed(event)

    def close(self) -> None:
        """Take the view away and give Chaos Toolkit's log its own stream back."""
        for handler, proxy, before in self._replaced:
            proxy.flush()
            handler.setStream(before)
        self._replaced = []
        self._live.stop()

    def render(self) -> RenderableType:
        """The view as it stands."""
        with self._lock:
            progress = self._progress
            parts: list[RenderableType] = [Text(), self._phases()]
            for name, probe in progress.probes.items():
                parts += [Text(), self._probe(name, probe)]
            return Group(*parts, Text(), self._status())

    def _phases(self) -> RenderableType:
        progress = self._progress
        reached = [name for _at, name in progress.starts]
        table = Table.grid(padding=(0, 2))
        for phase in PHASES:
            planned = progress.planned.get(phase)
            gone = progress.now - progress.since
            if phase == progress.phase:
                left = f"{max(planned - gone, 0):.0f} s left" if planned else f"{gone:.0f} s"
                bar = ProgressBar(total=planned, completed=gone, width=24, pulse=planned is None)
                table.add_row(Text("▶", "cyan"), Text(phase, "bold"), bar, Text(left))
            elif phase in reached:
                table.add_row(
                    Text("•", "dim"),
                    Text(phase),
                    ProgressBar(total=1, completed=1, width=24),
                    Text("over", "dim"),
                )
            else:
                bar = ProgressBar(total=1, completed=0, width=24)
                table.add_row("", Text(phase, "dim"), bar, Text(span(planned) if planned else "", "dim"))
        return table

    def _probe(self, name: str, probe: ProbeProgress) -> RenderableType:
        progress = self._progress
        rate, p99, errors = probe.recent(progress.now)
        head = Text.assemble((_plain(name), "bold"), f"  {rate:.1f}/s  p99 {span(p99)}  ", no_wrap=True)
        head.append(f"{errors} errors", "bold red" if errors else "dim")
        head.append("  " + sparkline(probe.spark()), "cyan")
        lines = [head]
        for standing in probe.standings(progress.phase, progress.now, progress.since):
            sign, style = MARKS[standing.holds]
            side = "at most" if standing.objective.upper else "at least"
            value = quantity(standing.value, standing.unit)
            wanted = quantity(standing.objective.limit, standing.unit)
            told = f"{standing.objective.name:<20} {value:>10}   {side} {wanted}"
            lines.append(Text.assemble("  ", (sign, style), " ", told, no_wrap=True))
        if probe.errors:
            told = ", ".join(f"{count} {outcome.label}" for outcome, count in sorted(probe.errors.items()))
            lines.append(Text(f"  so far: {told}", "red", no_wrap=True))
        return Group(*lines)

    def _status(self) -> RenderableType:
        progress = self._progress
        parts = []
        for event in progress.faults.values():
            style = {"injected": "bold yellow", "failed": "bold red", "not reverted": "bold red"}.get(
                event["event"], "dim"
            )
            parts.append(Text(_plain(f"{fault_said(event)}: {event['event']}"), style))
        if (reading := progress.resource) is not None:
            parts.append(
                Text(
                    f"target: {reading['cpu']:.1f} cores, {reading['rss'] / 2**20:.0f} MiB, "
                    f"{reading['processes']} processes, {reading['fds']} descriptors",
                    "dim",
                )
            )
        if progress.alerts:
            parts.append(Text(f"{progress.alerts} alerts: guards tripped or problems seen", "bold red"))
        return Group(*parts)


def sparkline(values: Sequence[float | None]) -> str:
    """Durations in seconds as bars on a log scale; a blank where there is none."""
    logs = [math.log(value) for value in values if value is not None and value > 0]
    if not logs:
        return ""
    low = min(logs)
    # At least a factor of ten from bottom to top, so that mere noise stays flat.
    width = max(max(logs) - low, math.log(10))
    return "".join(
        BARS[min(int((math.log(value) - low) / width * len(BARS)), len(BARS) - 1)] if value else " "
        for value in values
    )


def _redirect(
    stream: TextIO, console: Console
) -> Iterator[tuple[logging.StreamHandler[TextIO], FileProxy, TextIO]]:
    """Have Chaos Toolkit's log handlers of this terminal write above the view."""
    for handler in logging.getLogger("chaostoolkit").handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            before = handler.stream
            if before is stream or (hasattr(before, "isatty") and before.isatty()):
                proxy = FileProxy(console, before)
                handler.setStream(proxy)
                yield handler, proxy, before


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
