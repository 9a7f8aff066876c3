"""Who is behind a port of this machine: a port that answers may be somebody else's (D12).

Sockets' owners are visible to root, and to the same user; to others a port looks as if nobody owned it, and
these functions then say nothing rather than something wrong.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress

import psutil

from chaos import descendants
from chaos.targets.records import Part, Role

__all__ = [
    "LocalProcesses",
    "alive",
    "children",
    "free_port",
    "listeners",
    "part",
    "port_is_free",
    "session_members",
    "tree",
]


def listeners(port: int) -> list[int]:
    """The pids of the processes that listen on a TCP port of this machine, sorted."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return []  # systems where this takes root
    return sorted(
        {
            entry.pid
            for entry in connections
            if entry.status == psutil.CONN_LISTEN and entry.laddr and entry.laddr.port == port and entry.pid
        }
    )


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nobody listens on a TCP port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # as servers do: a connection that lingers in TIME_WAIT does not make the port taken
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE  # that it may not be listened on is another matter
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def tree(pid: int) -> list[psutil.Process]:
    """A process and all its descendants that are there, zombies too, root first; empty if it is not."""
    try:
        found = [psutil.Process(pid)]
    except psutil.NoSuchProcess:
        return []
    for process in found:  # which grows meanwhile
        found += children(process)
    return found


def children(process: psutil.Process) -> list[psutil.Process]:
    """The children of a process that are there, zombies too, by pid; none if it is gone."""
    found: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        if not descendants.KERNEL_TELLS_CHILDREN:
            return process.children()
        for pid in descendants.children(process.pid):
            with suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
    return found


def session_members(session: int) -> list[psutil.Process]:
    """The processes of a session, whoever their parents are now.

    The number of a session is not used again while one of them lives, so they are nobody else's.
    """
    members = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == session:
                members.append(process)
    return members


class LocalProcesses:
    """The processes of a target on this machine, known by the ports it listens on.

    Processes are kept with their start times, so that a pid that is used again is not taken for one of them.
    """

    def __init__(self, *ports: int) -> None:
        self._ports = ports
        self._roots: dict[int, psutil.Process] = {}
        self._workers: dict[int, psutil.Process] = {}

    def pids(self) -> list[int]:
        """The owners of the ports, and workers seen that live on without them; none that descends from another."""
        self._find_roots()
        roots = self._roots | self._workers
        below = {child.pid for pid in roots for child in tree(pid)[1:]}
        return sorted(roots.keys() - below)

    def saw(self, pids: Iterable[int]) -> None:
        """Remember what the target says are its workers, as far as they descend from the ports' owners:
        behind a forwarded port, or out of a container, pids mean nothing here."""
        unknown = {pid for pid in pids if pid > 0} - self._workers.keys()
        if unknown:
            self._find_roots()
            below = {child.pid: child for pid in self._roots for child in tree(pid)[1:]}
            self._workers.update({pid: below[pid] for pid in unknown & below.keys()})

    def parts(self, workers: Mapping[int, str]) -> list[Part]:
        """The owners of the ports as managers, and as replicas those of these workers (pid → model) that run here."""
        self.saw(workers)
        managers = [part("manager", self._roots[pid]) for pid in self.pids() if pid in self._roots]
        replicas = [
            part("replica", self._workers[pid], model)
            for pid, model in workers.items()
            if pid in self._workers and alive(self._workers[pid])
        ]
        return [*managers, *replicas]

    def commands(self) -> dict[int, list[str]]:
        """What the living processes below the ports' owners were started with, by pid."""
        found: dict[int, list[str]] = {}
        for child in [child for pid in self.pids() for child in tree(pid)[1:]]:
            with suppress(psutil.Error):
                if alive(child) and (command := child.cmdline()):
                    found[child.pid] = command
        return found

    def lingering(self, pids: Iterable[int]) -> list[int]:
        """Those of these workers that were seen here and still run."""
        return sorted(pid for pid in pids if pid in self._workers and alive(self._workers[pid]))

    def _find_roots(self) -> None:
        self._workers = {pid: process for pid, process in self._workers.items() if alive(process)}
        self._roots = {pid: process for pid, process in self._roots.items() if alive(process)}
        if not self._roots:
            owners = {pid for port in self._ports for pid in listeners(port)}
            self._roots = {process.pid: process for pid in owners for process in tree(pid)[:1]}


def part(role: Role, process: psutil.Process, model: str = "", detail: str = "") -> Part:
    """A process as a part of its target."""
    return Part(role, process.pid, process.create_time(), model, detail)


def alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that is dead and waits for its parent does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
