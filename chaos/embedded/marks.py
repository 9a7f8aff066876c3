"""The processes of one platform, found by an environment variable that all of them inherit: never by name.

It is read from ``/proc``, as it was when a process was started; where there is none (not Linux), none is found.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

__all__ = ["MARK", "bearers", "end_bearers"]

MARK = "CHAOS_PLATFORM"
POLL_SECONDS = 0.02


def bearers(token: str) -> list[int]:
    """The pids of the living processes that bear a platform's token, but for the caller."""
    if not token or not os.path.isdir("/proc/self"):
        return []
    own = os.getpid()
    pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    return sorted(pid for pid in pids if pid != own and _bears(pid, token))


def end_bearers(token: str, grace: float, seconds: float = 3.0) -> tuple[list[int], list[int]]:
    """Wait ``grace`` seconds for them to end, then kill those that are left; wait for that at most ``seconds``.

    :return: the pids that were killed, and those that live on all the same
    """
    start = time.monotonic()
    killed: set[int] = set()
    while left := bearers(token):
        passed = time.monotonic() - start
        if passed > grace + seconds:
            break
        if passed >= grace:
            killed.update(pid for pid in left if _kill(pid, token))
        time.sleep(POLL_SECONDS)
    return sorted(killed), left


def _bears(pid: int, token: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            return f"{MARK}={token}".encode() in environment.read().split(b"\0")
    except OSError:
        return False  # gone, a zombie, or somebody else's


def _kill(pid: int, token: str) -> bool:
    """Kill it if it still is who it was: what the handle stands for cannot become another process."""
    with suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            if _bears(pid, token):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                return True
        finally:
            os.close(handle)
    return False
