"""Archives that a test writes, sound and otherwise."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path

__all__ = [
    "CODE",
    "HANDLER",
    "concatenated",
    "directory",
    "entry",
    "extended",
    "file",
    "hungry",
    "link",
    "records",
    "renamed",
    "tar",
    "tree",
    "zip_end",
    "zipped",
]

Entry = tuple[tarfile.TarInfo, bytes]
HANDLER = b"def model_fn(model_dir): return len\n"


def entry(name: str, kind: bytes, target: str = "", data: bytes = b"", mode: int = 0o644) -> Entry:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, target, len(data), mode
    return info, data


def file(name: str, data: bytes = b"x", mode: int = 0o644) -> Entry:
    return entry(name, tarfile.REGTYPE, data=data, mode=mode)


def directory(name: str) -> Entry:
    return entry(name, tarfile.DIRTYPE, mode=0o755)


def link(name: str, target: str, hard: bool = False) -> Entry:
    return entry(name, tarfile.LNKTYPE if hard else tarfile.SYMTYPE, target)


CODE = file("code/inference.py", HANDLER)


def tar(*entries: Entry, mode: str = "w:gz", form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(*entries: tuple[str, bytes, int], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Of names, data and Unix modes with their type (0: none is stated)."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")  # about names that are there twice
        for name, data, mode in entries:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr, info.create_system = name, mode << 16, 3
            archive.writestr(info, data, method)
    return out.getvalue()


def concatenated(size: int, name: str = "weights.bin") -> bytes:
    """A tar of one file of zeros, compressed a piece at a time, so that it is made at once."""
    info = file(name)[0]
    info.size = size
    piece = 16 << 20
    zeros = gzip.compress(bytes(piece))
    return (
        gzip.compress(info.tobuf(tarfile.GNU_FORMAT)) + zeros * (size // piece) + gzip.compress(bytes(1024))
    )


def tree(root: Path) -> dict[str, str]:
    """All that is below a directory: what each is, its mode, and what is in it."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(directory) / name
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                said = f"-> {path.readlink()}"
            elif stat.S_ISREG(mode):
                said = f"{stat.S_IMODE(mode):o} {path.read_bytes()!r}"
            else:
                said = f"{stat.S_IMODE(mode):o}/"
            found[str(path.relative_to(root))] = said
    return found


def renamed(archive: bytes, old: bytes, new: bytes) -> bytes:
    """A plain tar in which the bytes of a name are others, and its sum fits."""
    block = bytearray(archive[:512])
    place = block.index(old)
    block[place : place + len(old)] = new
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + archive[512:]


def records(*pairs: tuple[str, str | bytes]) -> bytes:
    """A plain tar's header before a header, as POSIX has it, with what it says."""
    data = b""
    for key, value in pairs:
        raw = key.encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
        length = len(raw) + 2
        while length != len(raw) + 1 + len(str(length)):
            length += 1
        data += f"{length} ".encode() + raw
    return extended(data)


def extended(data: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    info = entry("extended", kind, data=data)[0]
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)


def hungry(archive: bytes) -> bytes:
    """An xz archive that says that unpacking it takes 2 GiB."""
    end = 12 + (archive[12] + 1) * 4 - 4
    block = bytearray(archive[12:end])
    block[4] = 38  # after its size, its flags, the filter's number, and how much is said of it
    return archive[:12] + bytes(block) + zlib.crc32(block).to_bytes(4, "little") + archive[end + 4 :]


def zip_end(listed: int) -> bytes:
    """The end of a zip archive, with a list of members of so many bytes."""
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, listed, 0, 0)
