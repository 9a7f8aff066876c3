"""What a handler's process may take, and how a process of ours limits itself."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass

__all__ = ["DESCRIPTORS", "Limits", "footprint", "limit_memory", "limit_processor_time", "limit_resources"]

DESCRIPTORS = 1024
"""How many files a handler's process may have open: a handler that leaks them harms itself only."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a handler may take.

    :param memory: bytes, of all its processes together (of each, where there are no cgroups)
    :param cpu: seconds of processor time that its process may use in one call
    :param call: seconds of wall time that one call may take
    :param load: the same for importing the package and loading its model
    :param processes: how many it may have, its own included
    :param printed: bytes of printed text that are kept of each call
    :param answer: bytes that an answer may have
    """

    memory: int = 2 << 30
    cpu: float = 60.0
    call: float = 10.0
    load: float = 60.0
    processes: int = 32
    printed: int = 64 << 10
    answer: int = 64 << 20


def limit_resources() -> None:
    """Let this process leave no core dump, and open no more than :data:`DESCRIPTORS` files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = DESCRIPTORS if most == resource.RLIM_INFINITY else min(DESCRIPTORS, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))


def limit_memory(extra: int) -> bool:
    """Let this process take ``extra`` bytes of data memory more than it has now, and no more; False if not on Linux."""
    if sys.platform != "linux":
        return False
    with open("/proc/self/status", encoding="ascii") as status:
        base = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (base + extra, base + extra))
    return True


def limit_processor_time(seconds: float) -> None:
    """End this process by SIGXCPU when it has used so many seconds more of the processor, to the next whole second."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if most == resource.RLIM_INFINITY else min(soft, most), most)
    )


def footprint() -> tuple[int, int]:
    """The resident set of this process in bytes, and its threads; zeros where they cannot be read."""
    try:
        descriptor = os.open("/proc/self/stat", os.O_RDONLY)
        try:
            fields = os.read(descriptor, 2048).rpartition(b")")[2].split()
        finally:
            os.close(descriptor)
        return int(fields[21]) * resource.getpagesize(), int(fields[17])
    except (OSError, ValueError, IndexError):
        return 0, 0
