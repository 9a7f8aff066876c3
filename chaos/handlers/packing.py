"""Packing a package's directory as a ``model.tar.gz``: the same bytes for the same content, whoever packs it."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from chaos.errors import DocumentError
from chaos.handlers.package import ENTRY_POINT
from chaos.handlers.requirements import unmet

__all__ = ["pack", "unmet"]

PASSED_OVER = {"__pycache__", ".git", ".ipynb_checkpoints", ".DS_Store", "__MACOSX"}
"""What tools leave in a directory, and no model needs."""


def pack(directory: Path, archive: Path) -> Path:
    """Write a package as a compressed tar, with ``code/inference.py`` below its root.

    What is left out: :data:`PASSED_OVER`, compiled Python, and the archive itself. Owners and times are left out too,
    and modes but for whether a file may be run, so that the bytes depend on nothing but the content (and on the
    version of zlib).

    :return: the archive, which is there as a whole or as it was before
    :raises DocumentError: if the directory is no package, its handler is no Python, or it holds what a package may not
        (a device, a link that leads out)
    """
    _check(directory)
    try:
        members = list(_members(directory, archive))
    except OSError as error:
        raise DocumentError(str(error.filename), f"cannot be read: {error.strerror}", "mend it") from None
    try:
        number, name = tempfile.mkstemp(dir=archive.parent, prefix=f".{archive.name}.")
    except OSError as error:
        raise DocumentError(
            str(archive), f"cannot be written: {error.strerror}", "name another file"
        ) from None
    try:
        with (
            os.fdopen(number, "wb") as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as out,
        ):
            for path in members:
                _add(out, path, str(path.relative_to(directory)))
        os.chmod(name, 0o644)
        os.replace(name, archive)
    except OSError as error:
        place = str(archive if error.filename in (None, name) else error.filename)
        raise DocumentError(place, f"cannot be packed: {error.strerror or error}", "mend it") from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
    return archive


def _check(directory: Path) -> None:
    source = directory / ENTRY_POINT
    try:
        text = source.read_bytes()
        with warnings.catch_warnings(action="ignore"):
            compile(text, str(source), "exec", dont_inherit=True)
    except OSError as error:
        raise DocumentError(
            str(source), f"cannot be read: {error.strerror}", f"a model package holds {ENTRY_POINT}"
        ) from None
    except SyntaxError as error:
        place = f"{source}:{error.lineno}" if error.lineno else str(source)
        raise DocumentError(place, f"is no Python: {error.msg}", "mend it there") from None
    except (ValueError, RecursionError) as error:
        raise DocumentError(str(source), f"is no Python: {error}", "mend it") from None


def _members(directory: Path, archive: Path) -> Iterator[Path]:
    """Everything to pack, by name, a directory before what is in it."""
    root = directory.resolve()
    for place, names, files in os.walk(directory, onerror=_raised):
        names[:] = sorted(name for name in names if name not in PASSED_OVER)
        for name in sorted((*names, *files)):
            path = Path(place) / name
            if name in PASSED_OVER or name.startswith("._") or name.endswith(".pyc"):
                continue
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                _check_link(path, root)
            elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise DocumentError(str(path), "is neither a file nor a directory", "take it away")
            elif _same(path, archive):
                continue
            try:
                name.encode()
            except UnicodeEncodeError:
                raise DocumentError(ascii(str(path)), "its name is not UTF-8", "rename it") from None
            if "\\" in name:
                raise DocumentError(str(path), "has a backslash in its name", "rename it")
            yield path


def _raised(error: OSError) -> None:
    raise error


def _check_link(path: Path, root: Path) -> None:
    target = os.readlink(path)
    if os.path.isabs(target) or not path.exists() or not path.resolve().is_relative_to(root):
        raise DocumentError(
            str(path), f"links to {target!r}, which is not in the package", "copy what it links to"
        )


def _same(path: Path, archive: Path) -> bool:
    return archive.exists() and path.samefile(archive)


def _add(out: tarfile.TarFile, path: Path, name: str) -> None:
    info = tarfile.TarInfo(name)
    mode = path.lstat().st_mode
    info.mode = 0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644
    if stat.S_ISLNK(mode):
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
        out.addfile(info)
    elif stat.S_ISDIR(mode):
        info.type = tarfile.DIRTYPE
        out.addfile(info)
    else:
        with path.open("rb") as file:
            info.size = os.fstat(file.fileno()).st_size
            out.addfile(info, file)
