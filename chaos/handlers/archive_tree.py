"""Members of an archive as files in a directory, so that nothing is written outside it.

No member has a path that could lead out, none goes through a link, none is there twice. Links are made last, when all
they could lead to is known; what they lead to is worked out before, one name after another.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from chaos.handlers.archive_members import ArchiveError, Kind, Member, Reading, shown

__all__ = ["Tree"]

DEPTH = 64
LONGEST = 4096
"""The longest path, in bytes, as on Linux."""
HOPS = 40
"""As many links as Linux follows for one path."""

Parts = tuple[str, ...]
_DRIVE = re.compile(r"[A-Za-z]:")
_ODD = re.compile(r"^[A-Za-z]:|[\\\0]")


class Tree:
    """A directory that an archive is unpacked into.

    :param root: there, empty, and nobody else's
    """

    def __init__(self, root: Path, reading: Reading) -> None:
        self._root, self._reading = root, reading
        self._kinds: dict[Parts, Kind] = {(): "directory"}
        self._links: dict[Parts, str] = {}

    def fill(self, members: Iterable[Member]) -> None:
        """Write all members.

        :raises ArchiveError: for the first that cannot be trusted; what was written until then is still there
        """
        for member in members:
            try:
                self._add(member)
            except OSError as error:
                said = error.strerror or str(error)
                raise self._reading.error(f"{shown(member.name)} cannot be written: {said}") from None
        for parts in self._links:
            self._link(parts)

    def holds(self, path: Path) -> bool:
        """Whether there is such a file, or a link to one."""
        kind = self._kinds.get(path.parts)
        return (self._kinds[self._resolved(path.parts)] if kind == "link" else kind) in ("file", "hard link")

    def top(self) -> list[str]:
        """The names at the root, sorted."""
        return sorted({parts[0] for parts in self._kinds if parts})

    def _add(self, member: Member) -> None:
        parts = self._parts(member.name)
        known = self._kinds.get(parts)
        if member.kind == "directory":
            if known not in (None, "directory"):
                raise self._refused(member, f"is there twice, as a {known} and as a directory")
            self._make_directory(parts, member)
            return
        if not parts or (known is not None):
            raise self._refused(member, "is there twice" if parts else "has no name")
        self._make_directory(parts[:-1], member)
        place = self._root.joinpath(*parts)
        if member.kind == "file":
            _write(place, member)
        elif member.kind == "hard link":
            target = self._parts(member.target)
            if self._kinds.get(target) not in ("file", "hard link"):
                raise self._refused(
                    member, f"is a hard link to {shown(member.target)}, which is no file before it"
                )
            os.link(self._root.joinpath(*target), place, follow_symlinks=False)
        else:
            self._links[parts] = member.target
        self._kinds[parts] = member.kind

    def _parts(self, name: str) -> Parts:
        """The path of a name from the root.

        :raises ArchiveError: if it could be understood as one that leads out, here or elsewhere
        """
        problem = ""
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if name.startswith("/"):
            problem = "is an absolute path"
        elif ".." in parts:
            problem = "leaves the package by '..'"
        elif "\0" in name:
            problem = "has a NUL in its name"
        elif "\\" in name:
            problem = "has a backslash in its name"
        elif _DRIVE.match(name):
            problem = "begins with a drive"
        elif not name:
            problem = "has no name"
        elif len(name.encode()) > LONGEST:
            problem = f"is a name of more than {LONGEST} bytes"
        elif len(parts) > DEPTH:
            problem = f"is more than {DEPTH} directories deep"
        if problem:
            raise self._reading.error(f"member {shown(name)} {problem}", "pack it with `chaos handler pack`")
        return parts

    def _make_directory(self, parts: Parts, member: Member) -> None:
        for depth in range(1, len(parts) + 1):
            kind = self._kinds.get(parts[:depth])
            if kind is None:
                self._root.joinpath(*parts[:depth]).mkdir(mode=0o755)
                self._kinds[parts[:depth]] = "directory"
            elif kind != "directory":
                raise self._refused(member, f"goes through the {kind} {shown('/'.join(parts[:depth]))}")

    def _link(self, parts: Parts) -> None:
        """Make a link, whose target is known to be inside."""
        self._resolved(parts)
        try:
            os.symlink(self._links[parts], self._root.joinpath(*parts))
        except OSError as error:
            raise self._misled(parts, f"cannot be written: {error.strerror}") from None

    def _resolved(self, link: Parts) -> Parts:
        """What a link leads to in the end.

        :raises ArchiveError: if that is outside, not there, or there is no end
        """
        here, ahead, hops = link[:-1], self._steps(link, link), 0
        while ahead:
            step = ahead.pop()
            if self._kinds[here] != "directory":
                raise self._misled(link, "leads through a file")
            if step == "..":
                if not here:
                    raise self._misled(link, f"leads out of the package, to {shown(self._links[link])}")
                here = here[:-1]
                continue
            place = (*here, step)
            if place not in self._kinds:
                raise self._misled(link, f"leads to {shown(self._links[link])}, which is not in the archive")
            if place not in self._links:
                here = place
                continue
            hops += 1
            if hops > HOPS:
                raise self._misled(link, "leads back to itself")
            ahead += self._steps(place, link)
        return here

    def _steps(self, of: Parts, link: Parts) -> list[str]:
        """The names of a link's target, the last one first."""
        target = self._links[of]
        if not target or target.startswith("/") or len(target) > LONGEST or _ODD.search(target):
            raise self._misled(link, f"leads out of the package, to {shown(target)}")
        return [step for step in reversed(target.split("/")) if step not in ("", ".")]

    def _refused(self, member: Member, problem: str) -> ArchiveError:
        return self._reading.error(
            f"member {shown(member.name)} {problem}", "pack it with `chaos handler pack`"
        )

    def _misled(self, link: Parts, problem: str) -> ArchiveError:
        return self._reading.error(f"the link {shown('/'.join(link))} {problem}", "pack what it links to")


def _write(place: Path, member: Member) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(place, flags, 0o600), "wb") as file:
        for data in member.chunks:
            file.write(data)
        os.fchmod(file.fileno(), 0o755 if member.executable else 0o644)
