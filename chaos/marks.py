"""Processes of ours, found by an environment variable that all of them inherit: never by name.

It is read from ``/proc``, as it was when a process was started; where there is none (not Linux), none is found.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress

__all__ = ["HANDLER", "LEASE", "PLATFORM", "bearers", "end_bearers"]

PLATFORM = "CHAOS_PLATFORM"
"""Borne by all processes of one embedded platform; holds its token."""

LEASE = "CHAOS_LEASE"
"""Borne by the helper processes of a fault; holds the name of its lease."""

HANDLER = "CHAOS_HANDLER"
"""Borne by all processes of one handler under test; holds its token."""

POLL_SECONDS = 0.02


def bearers(mark: str, token: str) -> list[int]:
    """The pids of the living processes that bear a mark with this value, but for the caller."""
    if not token or not os.path.isdir("/proc/self"):
        return []
    own = os.getpid()
    pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    return sorted(pid for pid in pids if pid != own and _bears(pid, mark, token))


def end_bearers(mark: str, token: str, grace: float, seconds: float = 3.0) -> tuple[list[int], list[int]]:
    """Wait ``grace`` seconds for them to end, then kill those that are left; wait for that at most ``seconds``.

    One that is on its way out bears its mark no more, but holds its ports for a moment still; it is waited for as well.

    :return: the pids that were killed, and those that live on all the same
    """
    start = time.monotonic()
    handles: dict[int, int] = {}
    killed: set[int] = set()
    try:
        while True:
            for pid in (pid for pid in bearers(mark, token) if pid not in handles):
                if (handle := _open(pid, mark, token)) is not None:
                    handles[pid] = handle
            for pid in [pid for pid, handle in handles.items() if _ended(handle)]:
                os.close(handles.pop(pid))
            passed = time.monotonic() - start
            if not handles or passed > grace + seconds:
                return sorted(killed), sorted(handles)
            for pid, handle in handles.items() if passed >= grace else ():
                with suppress(OSError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    killed.add(pid)
            time.sleep(POLL_SECONDS)
    finally:
        for handle in handles.values():
            os.close(handle)


def _bears(pid: int, mark: str, token: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            return f"{mark}={token}".encode() in environment.read().split(b"\0")
    except OSError:
        return False  # gone, a zombie, or somebody else's


def _open(pid: int, mark: str, token: str) -> int | None:
    """A handle of a bearer, which cannot come to stand for another process; None if it is gone."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    if _bears(pid, mark, token):
        return handle
    os.close(handle)
    return None


def _ended(handle: int) -> bool:
    return bool(select.select([handle], [], [], 0)[0])
