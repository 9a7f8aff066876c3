"""Reading tar archives, plain or compressed, from front to back and in bounded memory.

This is not :mod:`tarfile`: an archive that is hostile can make that loop, or read a header of any size into memory.
Only what a model package needs is known here: files, directories, links, and long names as GNU and POSIX write them.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from chaos.handlers.archive_members import Member, Reading, shown

__all__ = ["read_tar"]

BLOCK = 512
CHUNK = 256 << 10
LONG_NAME = 64 << 10
"""The longest header that follows a header, in bytes."""
XZ_MEMORY = 256 << 20

_REGULAR = (b"0", b"\0")
_SPECIAL = {b"3": "a device", b"4": "a device", b"6": "a FIFO", b"S": "a sparse file"}
_LONG = {b"L": "path", b"K": "linkpath"}
_USED = ("path", "linkpath", "size")


def read_tar(file: BinaryIO, start: bytes, reading: Reading) -> Iterator[Member]:
    """The members of an archive, each before the next is looked at.

    :param file: at its beginning
    :param start: its first bytes, six at least, by which a compression is known
    :raises ArchiveError: if it is broken, cut off, or over a limit
    """
    stream = _Stream(file, _unpacked(file, start), reading)
    more: dict[str, str] = {}
    header = stream.read(BLOCK)
    if len(header) < BLOCK or (any(header) and not _sound(header)):
        raise reading.error("it is neither a tar nor a zip archive", "pack it with `chaos handler pack`")
    while any(header):
        if not _sound(header):
            raise reading.error("it is broken: a header has a wrong sum", "pack it again")
        kind, size = header[156:157], _number(header[124:136], reading)
        if kind in _LONG or kind in (b"x", b"g"):
            found = _extension(kind, size, stream, reading)
            if kind != b"g" and found.keys() & more.keys():
                raise reading.error("it is broken: one member has two long names")
            if kind == b"g":
                reading.count()
            more |= found
        else:
            reading.count()
            yield from _member(header, kind, size, more, stream, reading)
            more = {}
        header = stream.exactly(BLOCK, "")
    while stream.read(CHUNK):
        pass  # the rest is checked by its sum, if it is compressed


def _member(
    header: bytes, kind: bytes, size: int, more: dict[str, str], stream: _Stream, reading: Reading
) -> Iterator[Member]:
    name = more.get("path") or _name(header, reading)
    target = more.get("linkpath") or _text(header[157:257], reading)
    if "size" in more:
        size = _decimal(more["size"], reading)
    executable = bool(_number(header[100:108], reading) & 0o100)
    if kind == b"5" or (kind in _REGULAR and name.endswith("/")):
        yield Member(name, "directory")
    elif kind in _REGULAR:
        reading.expect(name, size)
        yield Member(name, "file", executable, chunks=_chunks(stream, size, name))
        stream.exactly(-size % BLOCK, shown(name))
    elif kind in (b"1", b"2"):
        yield Member(name, "hard link" if kind == b"1" else "link", target=target)
    else:
        what = _SPECIAL.get(kind, f"of the unknown kind {kind!r}")
        raise reading.error(f"{shown(name)} is {what}", "a model package holds files, directories and links")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Stream:
    """What is unpacked, within the limits."""

    def __init__(self, file: BinaryIO, unpacked: _Readable, reading: Reading) -> None:
        self._file, self._unpacked, self._reading = file, unpacked, reading

    def read(self, size: int) -> bytes:
        try:
            data = self._unpacked.read(size)
        except EOFError:
            raise self._reading.error("it ends too early", "was it copied as a whole?") from None
        except (OSError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise self._reading.error(f"it is broken: {error}", "pack it again") from None
        self._reading.unpack(len(data), self._file.tell())
        return data

    def exactly(self, size: int, what: str) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.read(size - len(data))
            if not piece:
                where = f"in the middle of {what}" if what else "too early"
                raise self._reading.error(f"it ends {where}", "was it copied as a whole?")
            data += piece
        return data


def _chunks(stream: _Stream, size: int, name: str) -> Iterator[bytes]:
    while size > 0:
        data = stream.exactly(min(size, CHUNK), shown(name))
        size -= len(data)
        yield data


def _extension(kind: bytes, size: int, stream: _Stream, reading: Reading) -> dict[str, str]:
    """What a header before a header says: a long name, or POSIX's records."""
    if size > LONG_NAME:
        raise reading.error(
            f"it has a header of {size:,} bytes", f"names have to be shorter than {LONG_NAME:,}"
        )
    data = stream.exactly(size + -size % BLOCK, "a header")[:size]
    if kind in _LONG:
        return {_LONG[kind]: _text(data, reading)}
    found = _records(data, reading)
    if any(key.startswith("GNU.sparse.") for key in found):
        raise reading.error("it holds a sparse file", "pack it without --sparse")
    used = {key: found[key] for key in _USED if key in found}
    if kind == b"g" and used:
        raise reading.error("it is broken: one name is given to all members")
    return used


def _records(data: bytes, reading: Reading) -> dict[str, str]:
    found: dict[str, str] = {}
    while data:
        length, _, _ = data.partition(b" ")
        end = int(length) if length.isdigit() and len(length) < 7 else 0
        key, equals, value = data[len(length) + 1 : end - 1].partition(b"=")
        if end > len(data) or not equals or data[end - 1 : end] != b"\n":
            raise reading.error("it is broken: a header cannot be read")
        if key.decode("ascii", "replace") in _USED or key.startswith(b"GNU.sparse."):
            found[key.decode("ascii", "replace")] = _decoded(value, reading)
        data = data[end:]
    return found


def _unpacked(file: BinaryIO, start: bytes) -> _Readable:
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if start.startswith(b"\xfd7zXZ\0"):
        return _Xz(file)
    return file


class _Xz:
    """One stream of xz, in bounded memory, which :class:`lzma.LZMAFile` does not do."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def read(self, size: int) -> bytes:
        while not self._decompressor.eof:
            packed = self._file.read(CHUNK) if self._decompressor.needs_input else b""
            if self._decompressor.needs_input and not packed:
                raise EOFError
            if data := self._decompressor.decompress(packed, size):
                return data
        return b""


def _sound(header: bytes) -> bool:
    """Whether a header has the sum that it says; some writers have taken its bytes as signed."""
    rest = header[:148] + b" " * 8 + header[156:]
    digits = header[148:156].strip(b" \0")
    if not digits or not all(48 <= byte < 56 for byte in digits):
        return False
    return int(digits, 8) in (sum(rest), sum(byte - 256 * (byte > 127) for byte in rest))


def _number(field: bytes, reading: Reading) -> int:
    """A number in octal digits, or in binary after a byte that says so."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not all(48 <= byte < 56 for byte in digits):
        raise reading.error("it is broken: a header has no number where one should be")
    return int(digits or b"0", 8)


def _decimal(text: str, reading: Reading) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise reading.error("it is broken: a header has no number where one should be")
    return int(text)


def _name(header: bytes, reading: Reading) -> str:
    name = _text(header[:100], reading)
    prefix = _text(header[345:500], reading) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _text(field: bytes, reading: Reading) -> str:
    return _decoded(field.partition(b"\0")[0], reading)


def _decoded(raw: bytes, reading: Reading) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise reading.error(f"a name is not UTF-8: {raw[:40]!r}", "rename it") from None
