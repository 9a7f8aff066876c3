"""Ending all that descends from this process, whatever it does meanwhile."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from chaos.descendants import children, descendants

__all__ = ["adopt_orphans", "end_descendants"]

END_SECONDS = 10.0
POLL_SECONDS = 0.002

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Have descendants whose parent is gone become children of this process (prctl(2)), in whatever session they are.

    :raises OSError: if the kernel refuses
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become the parent of orphans (prctl)")


def end_descendants(linger: float, reap: Callable[[], None]) -> int:
    """Wait for them to end by themselves, then kill them; how many had to be.

    They are stopped before they are killed: what is stopped neither forks nor waits for its children, so that the pids
    below it stay what they are; what was forked in between is found in the next round, as its parent is dead then.

    :param linger: seconds that they have
    :param reap: waits for those children that have ended
    """
    own = os.getpid()
    end = time.monotonic() + linger
    while (left := descendants(own)) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
        reap()
    end = time.monotonic() + END_SECONDS
    while children(own) and time.monotonic() < end:
        found = [own]
        for pid in found:  # which grows meanwhile
            for child in children(pid):
                _signal(child, signal.SIGSTOP)
                found.append(child)
        for pid in found[1:]:
            _signal(pid, signal.SIGKILL)
        reap()
        time.sleep(POLL_SECONDS if children(own) else 0)
    return len(left)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
