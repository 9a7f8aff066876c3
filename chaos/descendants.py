"""The processes below a process, by pid, zombies too.

The kernel is asked for the children of each where it tells (proc(5), ``/proc/PID/task/TID/children``): cheaper than to
read the parent of every process of the machine. It may pass over one while another ends, so it is asked until it says
the same twice.
"""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["KERNEL_TELLS_CHILDREN", "children", "descendants"]

KERNEL_TELLS_CHILDREN = os.path.exists("/proc/thread-self/children")
"""Whether there is a list of each process's children: on Linux with CONFIG_PROC_CHILDREN."""


def descendants(pid: int) -> list[int]:
    """All processes below a process, those nearest to it first; none if it is gone."""
    found = [pid]
    for each in found:  # which grows meanwhile
        found += children(each)
    return found[1:]


def children(pid: int) -> list[int]:
    """The children of all threads of a process, sorted; none if it is gone."""
    try:
        if not KERNEL_TELLS_CHILDREN:
            return _by_parent(pid)
        before, pids = None, _told(pid)
        while pids != before:
            before, pids = pids, _told(pid)
    except OSError:
        return []
    return pids


def _told(pid: int) -> list[int]:
    found: list[int] = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with (
            suppress(FileNotFoundError, ProcessLookupError),
            open(f"/proc/{pid}/task/{thread}/children", "rb") as file,
        ):
            found += map(int, file.read().split())
    return sorted(found)


def _by_parent(pid: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                # after the name, which may hold anything: the state, then the parent
                if int(file.read().rpartition(b")")[2].split()[1]) == pid:
                    found.append(int(name))
    return sorted(found)
