"""What an archive is made of, how much of it is borne, and what is said of one that is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from chaos.errors import DocumentError

__all__ = ["ArchiveError", "ArchiveLimits", "Kind", "Member", "Reading", "shown"]

Kind = Literal["file", "directory", "link", "hard link"]

SHOWN = 60


class ArchiveError(DocumentError):
    """An archive that cannot be trusted, or cannot be read. Nothing of it is left."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may come to. Sizes are in bytes, of what is unpacked.

    :param total: all of it
    :param member: one file
    :param members: how many files, directories and links
    :param ratio: unpacked for each packed byte, once more than ``free`` is unpacked
    :param free: unpacked before the ratio counts; text and zeros of that size are nothing to fear
    """

    total: int = 8 << 30
    member: int = 4 << 30
    members: int = 10_000
    ratio: float = 100.0
    free: int = 32 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One thing in an archive.

    :param name: as the archive has it
    :param executable: its owner may run it; no other bit of its mode counts
    :param target: of a link
    :param chunks: what is in a file. All of it has to be read before the next member is.
    """

    name: str
    kind: Kind
    executable: bool = False
    target: str = ""
    chunks: Iterable[bytes] = ()


class Reading:
    """The limits of one archive while it is read: whoever reads tells what it has got so far.

    :param place: the archive's name, for errors
    """

    def __init__(self, place: str, limits: ArchiveLimits) -> None:
        self._place, self._limits = place, limits
        self._members = 0
        self._unpacked = 0

    def error(self, problem: str, remedy: str = "") -> ArchiveError:
        """The error to raise."""
        return ArchiveError(self._place, problem, remedy)

    def count(self) -> None:
        """One member more.

        :raises ArchiveError: if it is one too many
        """
        self._members += 1
        if self._members > self._limits.members:
            raise self.error(
                f"it holds more than {self._limits.members:,} members", "raise the limit, or pack less"
            )

    def expect(self, name: str, size: int) -> None:
        """A file says how large it is.

        :raises ArchiveError: if that is too much
        """
        if size > self._limits.member:
            problem = f"{shown(name)} has {size:,} bytes, and one file may have {self._limits.member:,}"
            raise self.error(problem, "raise the limit, or pack less")
        if self._unpacked + size > self._limits.total:
            raise self._too_large()

    def unpack(self, size: int, packed: int) -> None:
        """So many bytes more are unpacked; ``packed`` is how much of the archive that took until now.

        :raises ArchiveError: if that is too much, in itself or for what is packed
        """
        self._unpacked += size
        if self._unpacked > self._limits.total:
            raise self._too_large()
        if self._unpacked > max(self._limits.free, self._limits.ratio * packed):
            raise self.error(
                f"it unpacks to more than {self._limits.ratio:g} times its size",
                "this is how a decompression bomb looks; raise the limit if it is none",
            )

    def _too_large(self) -> ArchiveError:
        return self.error(
            f"it unpacks to more than {self._limits.total:,} bytes", "raise the limit, or pack less"
        )


def shown(name: str) -> str:
    """A name that may hold anything, in one line."""
    text = ascii(name)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…'"
