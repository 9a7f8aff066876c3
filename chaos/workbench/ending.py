"""A signal that asks for the end of what runs in this thread: it is raised there, once, so that all is let go of."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

__all__ = ["CUT_SHORT", "Signalled", "heeded"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

HOST = "chaos.handlers.host"
"""The module whose process keeps a handler's, its child."""
HASTE_SECONDS = 0.1

CUT_SHORT = 128
"""Added to a signal's number: the exit code by which a shell knows it."""


class Signalled(BaseException):
    """No ``except Exception`` on the way may take it for an error."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


@contextmanager
def heeded() -> Iterator[None]:
    """Raise :class:`Signalled` in the main thread at the first signal; later ones change nothing while it cleans up."""
    heard: list[int] = []
    over = threading.Event()

    def heed(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) == 1:
            threading.Thread(target=_hasten, args=(over,), daemon=True).start()
            raise Signalled(number)

    # Only the main thread hears signals. One that is ignored stays so, such as SIGINT of a job in the background.
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS if main}
    heeding = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heeding:
        signal.signal(number, heed)
    try:
        yield
    finally:
        over.set()
        for number in heeding:
            signal.signal(number, before[number])


def _hasten(over: threading.Event) -> None:
    """End what handlers are at while all is let go of: other threads may wait for that, as long as a call may take."""
    while not over.wait(HASTE_SECONDS):
        with suppress(psutil.Error):
            for host in psutil.Process().children():
                if HOST in host.cmdline():
                    for worker in host.children():
                        worker.kill()
