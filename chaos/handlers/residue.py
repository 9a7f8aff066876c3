"""What a handler under test has on this machine beside its processes: cgroups and a directory, named by its token.

What was left by tests that were killed with all their processes, so that nobody cleared it, goes when the next begins.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chaos.cgroups import HANDLER_PREFIX, find_base, handler_groups, remove_tree
from chaos.marks import HANDLER, bearers

__all__ = ["Residue", "clear_orphans"]

TOKEN = re.compile(r"[0-9a-f]{16}")
ORPHAN_SECONDS = 60.0
"""What is younger may belong to one whose processes are not there yet."""


@dataclass(frozen=True, slots=True)
class Residue:
    """Where they are, or would be.

    :param directory: for what the host and the worker write, and for the handler's ``home``
    :param groups: the cgroups by controller, which the host makes
    """

    token: str
    directory: Path
    groups: dict[str, Path]

    @classmethod
    def of(cls, token: str, confined: bool) -> Residue:
        """Those of a token; without cgroups if not ``confined``."""
        directory = Path(tempfile.gettempdir()) / f"{HANDLER_PREFIX}{token}"
        return cls(token, directory, handler_groups(token) if confined else {})

    @property
    def home(self) -> Path:
        """The handler's home, and where its temporary files go."""
        return self.directory / "home"

    @property
    def trace(self) -> Path:
        """The file in which the worker tells where it was when it was ended."""
        return self.directory / "trace"

    def make(self) -> None:
        """Make the directory."""
        self.directory.mkdir(0o700)
        self.home.mkdir()

    def clear(self) -> None:
        """Remove all, with the processes that are in the cgroups. What cannot be removed stays. Idempotent."""
        for path in dict.fromkeys(self.groups.values()):
            with suppress(OSError):
                remove_tree(path)
        shutil.rmtree(self.directory, ignore_errors=True)


def clear_orphans() -> None:
    """Clear what is left of handlers whose processes are all gone."""
    temporary = Path(tempfile.gettempdir())
    bases = {name: base for name in ("memory", "pids") if (base := find_base(controller=name)) is not None}
    for place in {temporary, *bases.values()}:
        for entry in place.glob(f"{HANDLER_PREFIX}*"):
            token = entry.name.removeprefix(HANDLER_PREFIX)
            with suppress(OSError):
                old = time.time() - entry.lstat().st_mtime > ORPHAN_SECONDS
                if old and TOKEN.fullmatch(token) and entry.is_dir() and not bearers(HANDLER, token):
                    groups = {name: base / entry.name for name, base in bases.items()}
                    Residue(token, temporary / entry.name, groups).clear()
