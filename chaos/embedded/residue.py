"""What a platform has on this machine beside its processes: a cgroup tree and a directory, named by its token.

Both are known before it starts, so that whoever it owes it to can clear them even if all of it is killed. What
platforms have left that were killed, and that nobody cleared, goes when the next one starts.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from chaos.cgroups import PREFIX, find_base, make_tree, remove_tree
from chaos.marks import PLATFORM, bearers

__all__ = ["TOKEN", "Residue", "clear_orphans"]

NOTE = "cgroup"
"""The file in the directory that says where the tree is."""

TOKEN = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class Residue:
    """Where the tree and the directory of a platform are, or would be; ``cgroup`` is empty where none can be made."""

    token: str
    cgroup: str
    state: str

    @classmethod
    def of(cls, token: str, cgroup: bool = True) -> Residue:
        """Those of the platform of a token, started from here.

        :param cgroup: False for a platform that is told to do without
        """
        base = find_base() if cgroup else None
        return cls(
            token,
            str(base / f"{PREFIX}{token}") if base is not None else "",
            str(Path(tempfile.gettempdir()) / f"{PREFIX}{token}"),
        )

    def make(self) -> bool:
        """Make both; whether there is a cgroup tree.

        :raises OSError: if the directory cannot be made
        """
        state = Path(self.state)
        state.mkdir(0o700)
        if not self.cgroup:
            return False
        (state / NOTE).write_text(self.cgroup, "utf-8")
        try:
            make_tree(Path(self.cgroup))
        except OSError as error:
            sys.stderr.write(f"no cgroups: {error} (memory is limited by RLIMIT_DATA)\n")
            return False
        return True

    def clear(self) -> list[str]:
        """Remove both, with the processes that are left in the tree; in words what was done. Idempotent.

        :raises OSError: if something is left
        :raises ValueError: if these are no places of a platform
        """
        if not Path(self.state).name.startswith(PREFIX):
            raise ValueError(f"{self.state} is no directory of an embedded platform")
        done = []
        if self.cgroup and Path(self.cgroup).exists():
            killed = remove_tree(self.cgroup)
            done.append("removed its cgroups" + (f" with {len(killed)} processes" if killed else ""))
        try:
            shutil.rmtree(self.state)
            done.append("removed its state")
        except FileNotFoundError:
            pass
        return done


def clear_orphans() -> None:
    """Clear what platforms left whose processes are all gone. What does not let itself be cleared is left alone."""
    if not os.path.isdir("/proc/self"):
        return  # nothing tells whether they are gone
    base, temporary = find_base(), Path(tempfile.gettempdir())
    for place in (base, temporary):
        for entry in place.glob(f"{PREFIX}*") if place is not None else ():
            token = entry.name.removeprefix(PREFIX)
            if TOKEN.fullmatch(token) and _ours(entry) and not bearers(PLATFORM, token):
                try:
                    Residue(token, _cgroup(entry, base), str(temporary / entry.name)).clear()
                except (OSError, ValueError):
                    continue


def _cgroup(entry: Path, base: Path | None) -> str:
    """The tree that belongs to an orphan: the one its directory names, which may be below another cgroup than ours."""
    try:
        return (entry / NOTE).read_text("utf-8")
    except OSError:
        return str(base / entry.name) if base is not None else ""


def _ours(path: Path) -> bool:
    """Whether it is a directory, no link, of this user."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
