"""What a matrix shows while it goes on: the board of APIs and properties on a terminal, plain lines everywhere else."""

from __future__ import annotations

from functools import partial
from typing import TextIO

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from chaos.history import Event
from chaos.properties.table import APIS, CODES, Cell
from chaos.reporting.matrix.progress import Progress
from chaos.reporting.matrix.views import LiveView, notes, write_line
from chaos.reporting.matrix.words import SIGN, STYLE, headline
from chaos.reporting.terminal import SafeView, View, interactive
from chaos.reporting.words import span

__all__ = ["open_board"]

WIDTH = 6
"""Of a cell, in characters: room for the seconds that it has run."""

PROBLEMS = 5
"""The latest of them are shown below the board."""


def open_board(stream: TextIO) -> View:
    """The board that fits the stream: live on a terminal that can move its cursor, else plain lines."""
    if not interactive(stream):
        return SafeView(_PlainBoard(stream))
    progress = Progress()
    return SafeView(LiveView(stream, progress.feed, partial(_drawn, progress)))


def _drawn(progress: Progress, now: float) -> list[RenderableType]:
    problems = notes(progress.problems[-PROBLEMS:])
    return [Text(), _board(progress, now), Text(), _status(progress, now), *problems]


class _PlainBoard:
    """A line when a group of cells begins, one for each cell that has ended, and one for each problem."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress = Progress()

    def event(self, event: Event) -> None:
        """Print lines where the event is worth them."""
        progress = self._progress
        progress.feed(event)
        match event["kind"]:
            case "matrix":
                defects = f", defects {', '.join(progress.defects)}" if progress.defects else ""
                self._say(f"{len(progress.cells)} cells on {progress.target}, seed {progress.seed}{defects}")
            case "measuring":
                left = progress.left(event["at"])
                about = f" (about {span(left)} left)" if left else ""
                self._say(f"{', '.join(map(str, progress.running))}: measuring{about}")
            case "measured":
                for cell in event["cells"]:
                    self._say(
                        f"{SIGN[cell['verdict']]} {cell['api']}:{cell['code']} {cell['verdict'].replace('_', ' ')} "
                        f"({span(round(cell['seconds'], 1))}): {cell['reason']}"
                    )
            case "problem":
                self._say(f"problem: {event['text']}")

    def close(self) -> None:
        """Nothing is held."""

    def _say(self, text: str) -> None:
        write_line(self._stream, self._progress.now - self._progress.start, text)


def _board(progress: Progress, now: float) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    for _code in CODES:
        table.add_column(justify="center", width=WIDTH)
    table.add_row("", *(Text(code, "bold") for code in CODES))
    for api, said in APIS.items():
        table.add_row(Text(said), *(_cell(progress, Cell(api, code), now) for code in CODES))
    return table


def _cell(progress: Progress, cell: Cell, now: float) -> Text:
    if cell not in progress.cells:
        return Text("·", "dim")
    if cell in progress.running:
        return Text(f"{now - progress.since:.0f} s", "bold cyan")
    verdict = progress.verdicts.get(cell)
    return Text("…", "dim") if verdict is None else Text(SIGN[verdict], STYLE[verdict])


def _status(progress: Progress, now: float) -> Text:
    done = len(progress.verdicts)
    text = Text(f"{done} of {len(progress.cells)} measured", "bold")
    for verdict, style in STYLE.items():
        if number := progress.count(verdict):
            text.append(f"   {SIGN[verdict]} {number} {headline(verdict)}", style)
    left = progress.left(now)
    told = f"   {span(round(now - progress.start))} gone" + (
        f", about {span(round(left))} left" if left else ""
    )
    text.append(told + f"   seed {progress.seed}", "dim")
    return text
