"""Signals to processes of others, each known by its pid and its start, so that no other process is ever hit.

The start is told in seconds since the machine's own, which a change of the wall clock does not move.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

import psutil

__all__ = ["Known", "own_family"]

SAME_SECONDS = 1.0
"""How far apart two readings of one start may be; within it no pid is used again."""


@dataclass(frozen=True, slots=True)
class Known:
    """A process: ``pid``, and ``start`` in seconds since the boot."""

    pid: int
    start: float

    @classmethod
    def of(cls, pid: int, started: float) -> Known:
        """The process that bore this pid from ``started`` on, as ``psutil.Process.create_time`` tells it."""
        return cls(pid, round(started - psutil.boot_time(), 2))

    @classmethod
    def from_json(cls, document: Mapping[str, float]) -> Known:
        """What :meth:`to_json` gave."""
        return cls(int(document["pid"]), float(document["start"]))

    def to_json(self) -> dict[str, float]:
        """As it stands in a ledger."""
        return asdict(self)

    @property
    def status(self) -> str:
        """``running``, ``stopped`` (state T), or ``gone`` (also if it is dead and its parent did not notice)."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - psutil.boot_time() - self.start) <= SAME_SECONDS
            status = process.status()
        except psutil.NoSuchProcess:
            return "gone"
        if not same or status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return "gone"
        return "stopped" if status == psutil.STATUS_STOPPED else "running"

    def send(self, number: signal.Signals) -> bool:
        """Send a signal, if it is still there; whether it was.

        :raises PermissionError: if this process may not
        """
        with suppress(ProcessLookupError):
            # the handle is taken before the look: what it stands for cannot become another process meanwhile
            handle = os.pidfd_open(self.pid)
            try:
                if self.status != "gone":
                    signal.pidfd_send_signal(handle, number)
                    return True
            finally:
                os.close(handle)
        return False


def own_family() -> set[int]:
    """The pids of this process and its ancestors: ending one of them would end the harness."""
    process = psutil.Process()
    return {process.pid, *(parent.pid for parent in process.parents())}
