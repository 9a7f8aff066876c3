"""Cgroups for replicas and for handlers under test: the kernel keeps their limits, its OOM killer ends who breaks them.

A platform has a tree of its own below the cgroup that it was started in: ``chaos-embedded-TOKEN/replica-ID``; a handler
under test has a group ``chaos-handler-TOKEN``, or two. Both versions of the kernel's interface are spoken
(Documentation/admin-guide/cgroup-v1/memory.rst, pids.rst, and cgroup-v2.rst). On version 2 a group that holds processes
may not hand its controllers down, so there ours stand below the nearest ancestor that does; and a process is in one
group only, which then has both limits.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = [
    "HANDLER_PREFIX",
    "PREFIX",
    "empty_tree",
    "find_base",
    "handler_groups",
    "join",
    "make_group",
    "make_replica",
    "make_tree",
    "memory_group",
    "oom_kills",
    "remove_tree",
]

PREFIX = "chaos-embedded-"
HANDLER_PREFIX = "chaos-handler-"
BASE = 16 << 20
"""What a replica is given beside its limit, in bytes: for the pages that a fork copies as it writes to them."""

POLL_SECONDS = 0.005
_V1, _V2 = "memory.limit_in_bytes", "memory.max"


def find_base(proc: Path = Path("/proc/self"), controller: str = "memory") -> Path | None:
    """The cgroup of a controller below which this process may make others; ``None`` where there is none."""
    for kind, mount, here in _groups(proc, controller):
        candidates = [here]
        if kind == "cgroup2":
            candidates = [path for path in (here, *here.parents) if path.is_relative_to(mount)]
        for path in candidates:
            if _gives(path, kind, controller):
                return path
    return None


def memory_group(proc: Path) -> Path | None:
    """The cgroup that counts the memory of a process, by its directory in ``/proc``; ``None`` where there is none."""
    return next((here for _, _, here in _groups(proc, "memory")), None)


def handler_groups(token: str, proc: Path = Path("/proc/self")) -> dict[str, Path]:
    """Where the groups of a handler under test would be: ``memory``, ``pids``, both (perhaps one path), or neither."""
    bases = {name: base for name in ("memory", "pids") if (base := find_base(proc, name)) is not None}
    unified = [name for name, base in bases.items() if (base / "cgroup.subtree_control").exists()]
    if len(unified) == 2 and bases["memory"] != bases["pids"]:
        del bases["pids"]  # of the two, it has to be one
    return {name: base / f"{HANDLER_PREFIX}{token}" for name, base in bases.items()}


def _groups(proc: Path, controller: str) -> Iterator[tuple[str, Path, Path]]:
    """The groups of a process that a controller may be in: version (file system), mount point, its own place there."""
    try:
        groups = [line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines()]
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    except OSError:
        return  # not Linux, or gone
    for _, controllers, own in groups:
        kind = "cgroup" if controller in controllers.split(",") else "cgroup2" if not controllers else ""
        for fields in mounts if kind else ():
            rest = fields[fields.index("-") + 1 :]
            if rest[0] != kind or (kind == "cgroup" and controller not in rest[2].split(",")):
                continue
            mount = Path(_unescaped(fields[4]))
            yield kind, mount, mount / os.path.relpath(own, fields[3]) if own.startswith(fields[3]) else mount


def _unescaped(path: str) -> str:
    return path.replace("\\040", " ").replace("\\134", "\\")


def _gives(path: Path, kind: str, controller: str) -> bool:
    if not os.access(path, os.W_OK | os.X_OK):
        return False
    if kind == "cgroup":
        return (path / "cgroup.procs").exists()
    with suppress(OSError):
        return controller in (path / "cgroup.subtree_control").read_text().split()
    return False


def make_tree(path: Path) -> None:
    """Make a platform's tree, empty.

    :raises OSError: if the kernel refuses
    """
    path.mkdir()
    if not (path / _V1).exists():
        try:
            (path / "cgroup.subtree_control").write_text("+memory")
        except OSError:
            path.rmdir()
            raise


def make_replica(tree: Path, replica: int, memory: int) -> Path:
    """Make a replica's group, with ``memory`` bytes and the base for its limit, and no swap beyond it.

    :raises OSError: if the kernel refuses
    """
    path = tree / f"replica-{replica}"
    make_group(path, memory=memory)
    return path


def make_group(path: Path, *, memory: int | None = None, tasks: int | None = None) -> None:
    """Make a group, with ``memory`` bytes and the base for its limit, and no swap beyond it; and with ``tasks``
    (processes and threads) for its limit. None is no limit.

    :raises OSError: if the kernel refuses
    """
    path.mkdir()
    try:
        if memory is not None:
            _limit_memory(path, memory + BASE)
        if tasks is not None:
            (path / "pids.max").write_text(str(tasks))
    except OSError:
        path.rmdir()
        raise


def _limit_memory(path: Path, limit: int) -> None:
    if (path / _V1).exists():
        (path / _V1).write_text(str(limit))
        swap, most = path / "memory.memsw.limit_in_bytes", str(limit)
    else:
        (path / _V2).write_text(str(limit))
        swap, most = path / "memory.swap.max", "0"
    if swap.exists():  # absent where the kernel does not account for swap
        swap.write_text(most)


def empty_tree(tree: Path) -> None:
    """Remove the groups of all replicas, killing what is in them.

    :raises OSError: if one is left
    """
    for entry in list(tree.iterdir()):
        if entry.is_dir():
            remove_tree(entry)


def join(path: Path) -> None:
    """Move this process in; what it takes from now on counts.

    :raises OSError: if the kernel refuses
    """
    (path / "cgroup.procs").write_text("0")


def oom_kills(path: Path) -> int:
    """How many processes of a group the OOM killer has killed so far; 0 if it is gone or does not count."""
    for name in ("memory.oom_control", "memory.events"):
        with suppress(OSError):
            for line in (path / name).read_text().splitlines():
                key, _, count = line.partition(" ")
                if key == "oom_kill":
                    return int(count)
    return 0


def remove_tree(path: str | Path, seconds: float = 3.0) -> list[int]:
    """Kill all that is in a group of ours and below, and remove it; the pids that were killed. Idempotent.

    :raises ValueError: if the path is not one of ours
    :raises OSError: if something is left after ``seconds``
    """
    path = Path(path)
    if not any(part.startswith((PREFIX, HANDLER_PREFIX)) for part in path.parts) or ".." in path.parts:
        raise ValueError(f"{path} is no cgroup of an embedded platform or a handler")
    killed: set[int] = set()
    end = time.monotonic() + seconds
    while path.exists():
        groups = [Path(place) for place, _, _ in os.walk(path, topdown=False)]
        late = time.monotonic() > end
        for group in groups:
            killed.update(_kill_members(group))
            try:
                group.rmdir()
            except FileNotFoundError:
                continue
            except OSError:  # busy: its members, or a group below, are not quite gone
                if late:
                    raise
        time.sleep(POLL_SECONDS if path.exists() else 0)
    return sorted(killed)


def _kill_members(group: Path) -> set[int]:
    killed = set[int]()
    with suppress(OSError):
        for pid in map(int, (group / "cgroup.procs").read_text().split()):
            if pid not in (0, os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
    return killed
