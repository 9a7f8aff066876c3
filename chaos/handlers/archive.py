"""Packages as archives: a ``model.tar.gz`` or a ``.mar`` becomes a directory, or is refused in one line.

Whoever made the archive is not trusted: nothing is written outside the directory, what is borne has limits, and of an
archive that is refused nothing is left. The package has to be at the archive's root, as SageMaker looks for
``code/inference.py`` there and nowhere else: one inside a directory is refused, even if it is the only one, since what
passes here would not be served there.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from chaos.handlers.archive_members import ArchiveError, ArchiveLimits, Reading, shown
from chaos.handlers.archive_tar import read_tar
from chaos.handlers.archive_tree import Tree
from chaos.handlers.archive_zip import read_zip
from chaos.handlers.package import ENTRY_POINT
from chaos.handlers.torchserve import MANIFEST

__all__ = ["ArchiveError", "ArchiveLimits", "opened"]

DEFAULTS = ArchiveLimits()


@contextmanager
def opened(package: Path, limits: ArchiveLimits = DEFAULTS, into: Path | None = None) -> Iterator[Path]:
    """A package's directory: the package itself if it is one, or what its archive holds.

    :param package: a directory, or a tar (plain, or compressed by gzip, bzip2 or xz) or zip archive by its content,
        whatever its name
    :param into: a directory to unpack to, empty or not there yet, that stays; otherwise it is a temporary one, removed
        in the end
    :raises ArchiveError: if there is no such package, or it cannot be trusted, or it is broken, or over a limit
    """
    if package.is_dir():
        yield package
        return
    if not package.is_file():
        raise ArchiveError(str(package), "there is no such package", "name a directory or an archive")
    if into is not None:
        _unpack_into(package, limits, into)
        yield into
        return
    directory = tempfile.mkdtemp(prefix="chaos-package-")
    try:
        _unpack_into(package, limits, Path(directory) / "model")
        yield Path(directory) / "model"
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _unpack_into(package: Path, limits: ArchiveLimits, into: Path) -> None:
    made = not into.exists()
    try:
        into.mkdir(parents=True, exist_ok=True)
        if any(into.iterdir()):
            raise ArchiveError(str(into), "it is not empty", "name a directory to unpack to")
    except OSError as error:
        raise ArchiveError(
            str(into), f"cannot be unpacked to: {error.strerror}", "name a directory"
        ) from None
    try:
        _unpack(package, limits, into)
    except BaseException:
        if made:
            shutil.rmtree(into, ignore_errors=True)
        else:
            _empty(into)
        raise


def _unpack(package: Path, limits: ArchiveLimits, root: Path) -> None:
    reading = Reading(str(package), limits)
    tree = Tree(root, reading)
    try:
        with package.open("rb") as file:
            _read(file, package.stat().st_size, limits, reading, tree)
    except OSError as error:
        raise reading.error(f"cannot be read: {error.strerror or error}", "is it a readable file?") from None
    _check_root(tree, reading)


def _read(file: BinaryIO, size: int, limits: ArchiveLimits, reading: Reading, tree: Tree) -> None:
    start = file.read(6)
    if not start:
        raise reading.error("it is empty", "pack it with `chaos handler pack`")
    file.seek(0)
    if start.startswith((b"PK\3\4", b"PK\5\6")):
        tree.fill(read_zip(file, size, limits.members, reading))
    else:
        tree.fill(read_tar(file, start, reading))


def _check_root(tree: Tree, reading: Reading) -> None:
    """Whether the archive holds one package, at its root."""
    entries = (ENTRY_POINT, MANIFEST)
    here = any(tree.holds(entry) for entry in entries)
    inside = [name for name in tree.top() if any(tree.holds(Path(name) / entry) for entry in entries)]
    places = ["at its root"] * here + [f"in {shown(name)}" for name in inside]
    if len(places) > 1:
        raise reading.error(f"it holds more than one package: {' and '.join(places[:3])}", "pack one")
    if inside:
        raise reading.error(
            f"its package is {places[0]}, and SageMaker looks for {ENTRY_POINT} at the root",
            "pack what is in the directory, as `chaos handler pack` does",
        )
    if not here:
        raise reading.error(f"it holds no {ENTRY_POINT}", "a model package has its handler there")


def _empty(directory: Path) -> None:
    for each in directory.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each, ignore_errors=True)
        else:
            each.unlink(missing_ok=True)
