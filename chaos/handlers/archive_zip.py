"""Reading zip archives, such as TorchServe's ``.mar``, in bounded memory."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from chaos.handlers.archive_members import ArchiveError, Member, Reading, shown

__all__ = ["read_zip"]

CHUNK = 256 << 10
LONGEST_TARGET = 4096
END = 22
END_SEARCHED = END + 65_535
"""The record at the end is that long, and a comment may follow it."""
LISTED = 1 << 10
"""For each member the list at the end may have so many bytes on average."""
ENCRYPTED, UTF8 = 0x1, 0x800


def read_zip(file: BinaryIO, size: int, members: int, reading: Reading) -> Iterator[Member]:
    """The members of an archive, in the order of its list.

    :param size: of the file, in bytes
    :param members: how many the limits allow
    :raises ArchiveError: if it is broken, cut off, or over a limit
    """
    _check_end(file, size, members, reading)
    try:
        with zipfile.ZipFile(file) as archive:
            for each in archive.infolist():
                reading.count()
                yield _member(archive, each, size, reading)
    except ArchiveError:
        raise
    except UnicodeDecodeError as error:
        raise reading.error(f"a name is not UTF-8: {bytes(error.object)[:40]!r}", "rename it") from None
    except Exception as error:  # zipfile, zlib and struct each have their own
        raise reading.error(f"it is broken: {error}", "pack it again") from None


def _check_end(file: BinaryIO, size: int, members: int, reading: Reading) -> None:
    """Look at the record at the end before :mod:`zipfile` reads all that it says into memory."""
    start = max(0, size - END_SEARCHED)
    file.seek(start)
    tail = file.read(END_SEARCHED)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + END > len(tail):
        raise reading.error("it ends too early: there is no list of its members", "was it copied as a whole?")
    if tail[max(0, at - 20) :].startswith(b"PK\6\7"):
        raise reading.error("it is of the kind for archives over 4 GiB (zip64)", "pack less, or as a tar.gz")
    listed = int.from_bytes(tail[at + 12 : at + 16], "little")
    if listed > members * LISTED:
        raise reading.error(f"the list of its members has {listed:,} bytes", "raise the limit, or pack less")
    file.seek(0)


def _member(archive: zipfile.ZipFile, each: zipfile.ZipInfo, size: int, reading: Reading) -> Member:
    name = _name(each, reading)
    if each.flag_bits & ENCRYPTED:
        raise reading.error(f"{shown(name)} is encrypted", "pack it without a password")
    if each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # the others unpack without any bound on what comes out at once
        raise reading.error(f"{shown(name)} is not compressed by deflate", "pack it again")
    mode = each.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if name.endswith("/") or kind == stat.S_IFDIR:
        return Member(name, "directory")
    if kind == stat.S_IFLNK:
        if each.file_size > LONGEST_TARGET:
            raise reading.error(f"the link {shown(name)} has a target of {each.file_size:,} bytes")
        target = b"".join(_chunks(archive, each, size, reading))
        try:
            return Member(name, "link", target=target.decode())
        except UnicodeDecodeError:
            raise reading.error(f"a name is not UTF-8: {target[:40]!r}", "rename it") from None
    if kind not in (0, stat.S_IFREG):
        what = "a FIFO" if kind == stat.S_IFIFO else "a device"
        raise reading.error(f"{shown(name)} is {what}", "a model package holds files, directories and links")
    reading.expect(name, each.file_size)
    return Member(name, "file", bool(mode & 0o100), chunks=_chunks(archive, each, size, reading))


def _chunks(archive: zipfile.ZipFile, each: zipfile.ZipInfo, size: int, reading: Reading) -> Iterator[bytes]:
    try:
        with archive.open(each) as file:
            while data := file.read(CHUNK):
                reading.unpack(len(data), size)
                yield data
    except ArchiveError:
        raise
    except Exception as error:
        said = str(error) or type(error).__name__
        raise reading.error(f"{shown(each.orig_filename)} is broken: {said}", "pack it again") from None


def _name(each: zipfile.ZipInfo, reading: Reading) -> str:
    """The name as it was written: :mod:`zipfile` cuts it at a NUL, and takes it for cp437 if nothing is said."""
    name = each.orig_filename
    if each.flag_bits & UTF8 or name.isascii():
        return name
    raw = name.encode("cp437")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise reading.error(f"a name is not UTF-8: {raw[:40]!r}", "rename it") from None
