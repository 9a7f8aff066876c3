"""What a target holds of this machine at one instant: what it should give back when a model leaves.

It is read from the processes and the kernel, never asked of the target (D12). What was seen to be the target's once is
its for good: a process that left its tree, a shared memory object or a memory cgroup that nobody uses any more is found
again as long as it exists. Linux tells all of it; other systems processes, descriptors, threads and memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from chaos.cgroups import memory_group
from chaos.targets.processes import tree

__all__ = ["COUNTS", "Footprint", "FootprintReader"]

COUNTS = ("processes", "ports", "shared", "partitions", "fds", "threads")
"""What is counted; the rest of a footprint is bytes."""

SHM = "/dev/shm/"  # noqa: S108 - where the kernel has POSIX shared memory, not a place of ours
SYSV = Path("/proc/sysvipc/shm")
ESTABLISHED, LISTEN = "01", "0A"
LINUX = os.path.isdir("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Footprint:
    """One reading over whole process trees; None for what cannot be read here.

    ``processes`` counts zombies too; ``ports`` are TCP ports that are listened on; ``shared`` shared memory objects
    (POSIX and System V); ``partitions`` memory cgroups of its own. ``fds`` leaves out the server's ends of connections
    that the harness itself keeps open. ``rss`` and ``pss`` are bytes; so is ``memory``: what belongs to these processes
    alone (anonymous and shared anonymous pages, in memory and swapped out, each page once), which others' use of the
    same libraries does not change; where the kernel does not tell it, it is ``rss``.
    """

    processes: int
    ports: int | None
    shared: int | None
    partitions: int | None
    fds: int
    threads: int
    rss: int
    pss: int | None
    memory: int


@dataclass(slots=True)
class _Sums:
    """What is put together over the processes of one reading."""

    fds: int = 0
    threads: int = 0
    rss: int = 0
    pss: int | None = 0
    own: int | None = 0

    def add_memory(self, rss: int, pss: int | None, own: int | None) -> None:
        """One process's; a sum that lacks one of them is none."""
        self.rss += rss
        self.pss = None if self.pss is None or pss is None else self.pss + pss
        self.own = None if self.own is None or own is None else self.own + own


class FootprintReader:
    """Reads the footprint of one target again and again, and remembers what was its."""

    def __init__(self) -> None:
        self._seen: dict[int, psutil.Process] = {}
        self._pids: set[int] = set()
        self._objects: set[str] = set()
        self._groups: set[Path] = set()

    def read(self, roots: Iterable[int]) -> Footprint:
        """Of the trees under these pids, and of what was seen under them before."""
        processes = self._members(roots)
        sums, sockets = _Sums(), set[str]()
        for process in processes:
            with suppress(OSError, psutil.Error):
                if LINUX:
                    self._read(process.pid, sums, sockets)
                else:
                    sums.add_memory(process.memory_info().rss, None, None)
                    sums.fds += process.num_fds()
                    sums.threads += process.num_threads()
        ports = _listening(processes[0].pid, sockets) if LINUX and processes else set[int]()
        return Footprint(
            processes=len(processes),
            ports=len(ports) if LINUX else None,
            shared=self._shared() if LINUX else None,
            partitions=self._partitions() if LINUX else None,
            fds=sums.fds - (_connections_to(ports) if LINUX else 0),
            threads=sums.threads,
            rss=sums.rss,
            pss=sums.pss,
            memory=sums.rss if sums.own is None else sums.own,
        )

    def _members(self, roots: Iterable[int]) -> list[psutil.Process]:
        """The trees' processes, and those that left them."""
        there = {process.pid: process for root in roots for process in tree(root)}
        for pid, process in self._seen.items():
            if pid not in there and process.is_running():
                there.update({each.pid: each for each in tree(pid)})
        self._seen = there
        self._pids.update(there)
        return list(there.values())

    def _read(self, pid: int, sums: _Sums, sockets: set[str]) -> None:
        sums.threads += len(os.listdir(f"/proc/{pid}/task"))
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):
                link = os.readlink(f"/proc/{pid}/fd/{number}")
                sums.fds += 1
                if link.startswith("socket:["):
                    sockets.add(link[8:-1])
                elif link.startswith(SHM):
                    self._objects.add(link)
        sums.add_memory(*_memory(pid))
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps:
            self._objects.update(line[line.index(SHM) :].rstrip("\n") for line in maps if SHM in line)
        group = memory_group(Path(f"/proc/{pid}"))
        if group is not None:
            self._groups.add(group)

    def _shared(self) -> int:
        """The objects that it used and that are there still, and those that a process of it made."""
        left = sum(os.path.exists(name) for name in self._objects)
        with suppress(OSError, ValueError, IndexError):
            rows = [line.split() for line in SYSV.read_text("ascii").splitlines()]
            maker = rows[0].index("cpid")
            left += sum(int(row[maker]) in self._pids for row in rows[1:])
        return left

    def _partitions(self) -> int:
        """The cgroups that it used and that are there still, but for the harness's own."""
        return sum(group.exists() for group in self._groups - {memory_group(Path("/proc/self"))})


def _memory(pid: int) -> tuple[int, int | None, int | None]:
    """Resident, proportional and own bytes of a process; those that the kernel does not tell are None."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
    except PermissionError:
        return psutil.Process(pid).memory_info().rss, None, None
    told = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    if not told:
        return 0, 0, 0  # a zombie holds nothing
    own = None
    if "Pss_Anon" in told:
        own = told["Pss_Anon"] + told["Pss_Shmem"] + told.get("SwapPss", 0)
    return told["Rss"], told["Pss"], own


def _listening(pid: int, sockets: set[str]) -> set[int]:
    """The TCP ports that these sockets (by inode), of the network namespace of a process, listen on."""
    return {
        local for local, _, state, inode in _connections(str(pid)) if state == LISTEN and inode in sockets
    }


def _connections_to(ports: set[int]) -> int:
    """How many connections to these ports this process keeps open."""
    own = set[str]()
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            own.add(os.readlink(f"/proc/self/fd/{number}").removeprefix("socket:[").removesuffix("]"))
    return sum(
        remote in ports and state == ESTABLISHED and inode in own
        for _, remote, state, inode in _connections("self")
    )


def _connections(process: str) -> Iterator[tuple[int, int, str, str]]:
    """Local port, remote port, state and inode of each TCP socket of a network namespace (proc(5), ``net/tcp``)."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError), open(f"/proc/{process}/net/{name}", encoding="ascii") as file:
            for fields in map(str.split, list(file)[1:]):
                yield int(fields[1][-4:], 16), int(fields[2][-4:], 16), fields[3], fields[9]
