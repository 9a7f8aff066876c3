"""How much of the machine others used meanwhile, so that a slow turn can be told from a disturbed one."""

from __future__ import annotations

import os
import resource
import time

import psutil

__all__ = ["Others"]


class Others:
    """Watches from its making on: the CPU time of all cores, less what this process and its children used."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._used, self._ours = _used(), _ours()

    def share(self) -> float:
        """The others' part of the machine since then, 0 to 1, time stolen by a hypervisor included."""
        seconds = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        others = (_used() - self._used) - (_ours() - self._ours)
        return max(0.0, others / seconds)


def _used() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.guest - times.guest_nice - times.idle - times.iowait)


def _ours() -> float:
    reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = reaped.ru_utime + reaped.ru_stime
    process = psutil.Process()
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:  # it has just ended
            continue
        total += times.user + times.system
    return float(total)
