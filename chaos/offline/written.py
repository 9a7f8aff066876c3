"""What a script wrote: the files below a path that were not there before, or are not what they were."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chaos.offline.samples import CONTENT_TYPES

__all__ = ["SUGGESTED", "Written", "look", "written"]

SUGGESTED: Mapping[str, str] = {
    **CONTENT_TYPES,
    ".jsonl": "application/jsonlines",
    ".ndjson": "application/jsonlines",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".libsvm": "text/x-libsvm",
    ".svm": "text/x-libsvm",
    ".parquet": "application/x-parquet",
    ".xml": "application/xml",
    ".pb": "application/x-protobuf",
    ".recordio": "application/x-recordio-protobuf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".wav": "audio/wav",
    ".bin": "application/octet-stream",
    ".dat": "application/octet-stream",
    ".data": "application/octet-stream",
}
"""The suffixes of files that can be the body of a request, and as what they would be sent."""

TEMPORARY = (".tmp", ".temp", ".part", ".partial", ".swp", ".bak", ".lock", ".crc", "~")

State = tuple[int, int, int]
"""Inode, size and time of change: what differs if a file was written again."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written below one path, in the order of the names.

    :param files: those that can be the body of a request, by their suffix
    :param others: the rest; what is hidden or temporary is neither
    :param stale: those of the former kind that were there before and were not written again
    """

    files: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()
    stale: tuple[Path, ...] = ()


def look(path: Path) -> dict[Path, State]:
    """The files at or below a path, as they are now."""
    found = {}
    for each in _files(path):
        try:
            status = each.stat()
        except OSError:
            continue  # a link that leads nowhere, or it is gone already
        found[each] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def written(path: Path, before: Mapping[Path, State]) -> Written:
    """What differs from what was there before."""
    now = look(path)
    fresh = sorted(each for each, state in now.items() if before.get(each) != state)
    data = [each for each in fresh if each.suffix.lower() in SUGGESTED]
    stale = sorted(each for each in now if each not in fresh and each.suffix.lower() in SUGGESTED)
    return Written(tuple(data), tuple(each for each in fresh if each not in data), tuple(stale))


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for parent, folders, names in os.walk(path):
        folders[:] = [name for name in folders if _counts(name)]
        for name in names:
            each = Path(parent, name)
            if _counts(name) and each.is_file():
                yield each


def _counts(name: str) -> bool:
    """Whether a file or directory is neither hidden, nor temporary, nor a marker such as Spark's ``_SUCCESS``."""
    return not name.startswith((".", "_")) and not name.lower().endswith(TEMPORARY)
