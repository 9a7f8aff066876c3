"""How what goes on is shown: drawn anew all the time on a terminal, or in lines with the time before them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from chaos.history import Event
from chaos.reporting.terminal import printable

__all__ = ["LiveView", "notes", "write_line"]

REFRESHES = 4
"""A second."""


class LiveView:
    """Draws until it is closed, and leaves standing what was there at the end.

    :param feed: takes in an event
    :param draw: what there is to be seen, one below the other, at an instant of the monotonic clock
    """

    def __init__(
        self, stream: TextIO, feed: Callable[[Event], None], draw: Callable[[float], Sequence[RenderableType]]
    ) -> None:
        self._feed = feed
        self._draw = draw
        self._lock = threading.Lock()
        self._live = Live(
            console=Console(file=stream, highlight=False),
            get_renderable=self.render,
            refresh_per_second=REFRESHES,
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=True,
        )
        self._live.start()

    def event(self, event: Event) -> None:
        """Change what is drawn next."""
        with self._lock:
            self._feed(event)

    def close(self) -> None:
        """Stop drawing; idempotent."""
        self._live.stop()

    def render(self) -> RenderableType:
        """The view as it stands."""
        with self._lock:
            return Group(*self._draw(time.monotonic()))


def notes(texts: Sequence[str], *, no_wrap: bool = False) -> list[Text]:
    """Something to look at each, in others' words: with nothing in it that moves the cursor."""
    clean = (
        "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
        for text in texts
    )
    return [Text(text, "yellow", no_wrap=no_wrap) for text in clean]


def write_line(stream: TextIO, seconds: float, text: str) -> None:
    """Write a line with how many seconds have gone."""
    stream.write(f"[{seconds:7.1f} s] {printable(text, stream)}\n")
    stream.flush()
