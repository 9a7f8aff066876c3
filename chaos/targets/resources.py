"""What the target costs this machine: processor, memory, processes, threads and descriptors, by reading
its processes rather than asking it (D12). Only for targets whose processes are here."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from chaos.targets.processes import tree

__all__ = ["ResourceSampler", "Resources"]


@dataclass(frozen=True, slots=True)
class Resources:
    """One reading over whole process trees. ``cpu`` is cores used since the reading before, ``rss`` bytes."""

    processes: int
    cpu: float
    rss: int
    fds: int
    threads: int


class ResourceSampler:
    """Reads process trees; keeps the processor time of each process, so that one that ends is no dip."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, float], float] = {}
        self._read_at = time.monotonic()

    def sample(self, roots: Iterable[int]) -> Resources:
        """Read the trees under these pids; a process that ends meanwhile is left out."""
        now = time.monotonic()
        seconds: dict[tuple[int, float], float] = {}
        processes = rss = fds = threads = 0
        for process in _members(roots):
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    memory = process.memory_info().rss
                    descriptors, count = process.num_fds(), process.num_threads()
                    key = (process.pid, process.create_time())
            except psutil.Error:
                continue
            processes, rss, fds, threads = processes + 1, rss + memory, fds + descriptors, threads + count
            seconds[key] = times.user + times.system
        used = sum(value - self._seconds.get(key, value) for key, value in seconds.items())
        elapsed, self._read_at, self._seconds = now - self._read_at, now, seconds
        return Resources(processes, used / elapsed if elapsed > 0 else 0.0, rss, fds, threads)


def _members(roots: Iterable[int]) -> list[psutil.Process]:
    """The processes of all trees, each once."""
    return list({process.pid: process for root in roots for process in tree(root)}.values())
