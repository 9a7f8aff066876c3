"""Archives that are malicious or broken: each is refused in one line, and leaves nothing anywhere."""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import tarfile
import tempfile
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.handlers.archive import ArchiveError, ArchiveLimits, opened
from chaos.handlers.archive_members import Reading
from chaos.handlers.archive_tar import read_tar
from chaos.handlers.archive_tree import Tree
from chaos.handlers.archive_zip import read_zip
from tests.handlers.archives import (
    CODE,
    HANDLER,
    concatenated,
    directory,
    entry,
    extended,
    file,
    hungry,
    link,
    records,
    renamed,
    tar,
    tree,
    zip_end,
    zipped,
)

LIMITS = ArchiveLimits(total=8 << 20, member=4 << 20, members=50, ratio=50, free=1 << 20)
MEMORY, XZ_MEMORY = 3 << 20, 12 << 20
"""What may be allocated while an archive is refused, in bytes: less than a file may have, but for what xz needs."""

WHOLE = tar(CODE, file("weights.bin", bytes(range(256)) * 200))
PLAIN = tar(CODE, mode="w")
SIZE = f"{len(HANDLER):011o}".encode()
INFERENCE = ("code/inference.py", HANDLER, 0)
ZIP = zipped(INFERENCE, ("weights.bin", bytes(range(256)) * 200, 0))

TARS: dict[str, tuple[bytes, str]] = {
    "up": (tar(CODE, file("../out.txt")), "'../out.txt' leaves the package by '..'"),
    "up in the middle": (tar(CODE, file("a/../../out.txt")), "leaves the package by '..'"),
    "up by a long name": (tar(CODE, file("a/" * 60 + "../" * 70 + "out"), form=tarfile.GNU_FORMAT), "leaves the"),
    "absolute": (tar(CODE, file("/chaos-out/x")), "'/chaos-out/x' is an absolute path"),
    "absolute directory": (tar(CODE, directory("/chaos-out")), "'/chaos-out/' is an absolute path"),
    "drive": (tar(CODE, file("C:/out.txt")), "begins with a drive"),
    "backslash": (tar(CODE, file("..\\out.txt")), "has a backslash in its name"),
    "nul": (records(("path", "a\0b")) + tar(file("x"), mode="w"), "has a NUL in its name"),
    "no name": (tar(CODE, file("")), "has no name"),
    "not utf-8": (renamed(PLAIN, b"code", b"c\xffde"), "a name is not UTF-8: b'c\\xffde/"),
    "not utf-8 in a record": (records(("path", b"\xff")) + PLAIN, "a name is not UTF-8"),
    "link out": (tar(CODE, link("a/b", "../../x")), "the link 'a/b' leads out of the package, to '../../x'"),
    "link to an absolute path": (tar(CODE, link("passwd", "/etc/passwd")), "leads out of the package, to '/etc"),
    "link through a link": (
        tar(CODE, directory("a/b"), link("here", "a/b"), link("out", "here/../../../etc")),
        "the link 'out' leads out of the package",
    ),
    "link to nothing": (tar(CODE, link("a", "gone")), "the link 'a' leads to 'gone', which is not in the archive"),
    "link through a file": (tar(CODE, file("f"), link("a", "f/../code")), "the link 'a' leads through a file"),
    "link to itself": (tar(CODE, link("a", "b"), link("b", "a")), "leads back to itself"),
    "through a link": (tar(CODE, link("way", "code"), file("way/x")), "'way/x' goes through the link 'way'"),
    "through a link out": (tar(link("way", "/chaos-out"), file("way/x")), "'way/x' goes through the link"),
    "through a file": (tar(file("code"), file("code/inference.py")), "goes through the file 'code'"),
    "hard link out": (tar(CODE, link("a", "/etc/passwd", hard=True)), "'/etc/passwd' is an absolute path"),
    "hard link up": (tar(CODE, link("a", "../x", hard=True)), "'../x' leaves the package"),
    "hard link to nothing": (tar(CODE, link("a", "gone", hard=True)), "which is no file before it"),
    "hard link to a link": (
        tar(CODE, link("way", "code/inference.py"), link("a", "way", hard=True)),
        "'a' is a hard link to 'way', which is no file before it",
    ),
    "character device": (tar(CODE, entry("null", tarfile.CHRTYPE)), "'null' is a device"),
    "block device": (tar(CODE, entry("disk", tarfile.BLKTYPE)), "'disk' is a device"),
    "fifo": (tar(CODE, entry("pipe", tarfile.FIFOTYPE)), "'pipe' is a FIFO"),
    "sparse": (tar(CODE, entry("holes", tarfile.GNUTYPE_SPARSE)), "'holes' is a sparse file"),
    "sparse by a record": (records(("GNU.sparse.major", "1")) + PLAIN, "it holds a sparse file"),
    "unknown kind": (tar(CODE, entry("what", b"Z")), "'what' is of the unknown kind b'Z'"),
    "twice": (tar(CODE, CODE), "'code/inference.py' is there twice"),
    "twice by another name": (tar(CODE, file("./code//inference.py")), "is there twice"),
    "file and directory": (tar(CODE, file("a"), directory("a")), "is there twice, as a file and as a directory"),
    "directory and link": (tar(CODE, link("code", "x")), "'code' is there twice"),
    "deep": (tar(CODE, directory("d/" * 70)), "is more than 64 directories deep"),
    "long": (tar(CODE, file("n" * 300)), "cannot be written: File name too long"),
    "longer": (tar(CODE, file("n" * 5000)), "is a name of more than 4096 bytes"),
    "longest": (tar(CODE, file("n" * 70_000)), "it has a header of 70,012 bytes"),
    "longest by GNU": (tar(CODE, file("n" * 70_000), form=tarfile.GNU_FORMAT), "it has a header of 70,001 bytes"),
    "two long names": (extended(b"a\0", b"L") * 2 + PLAIN, "one member has two long names"),
    "one name for all": (extended(b"9 path=x\n", b"g") + PLAIN, "one name is given to all members"),
    "headers for all without end": (extended(b"13 comment=x\n", b"g") * 60 + PLAIN, "it holds more than 50 members"),
    "record of no length": (extended(b"0 path=x\n") + PLAIN, "a header cannot be read"),
    "record beyond": (extended(b"99 path=x\n") + PLAIN, "a header cannot be read"),
    "record of a bad size": (records(("size", "-1")) + PLAIN, "no number where one should be"),
    "negative size": (renamed(PLAIN, SIZE, b"\xff" * 11), "no number where one should be"),
    "size beyond all": (renamed(PLAIN, SIZE, b"\x80" + b"\x7f" * 10), "and one file may have 4,194,304"),
    "size in a record": (records(("size", "99999999999")) + PLAIN, "has 99,999,999,999 bytes"),
    "more than is there": (renamed(PLAIN, SIZE, b"00000100000"), "ends in the middle of 'code/inference"),
    "too large": (concatenated(16 << 20), "'weights.bin' has 16,777,216 bytes, and one file may have 4,194,304"),
    "too many": (tar(*(file(f"f{number}") for number in range(60))), "it holds more than 50 members"),
    "bomb": (tar(CODE, file("zeros", bytes(4 << 20))), "it unpacks to more than 50 times its size"),
    "bomb behind the end": (tar(CODE) + gzip.compress(bytes(8 << 20)), "more than 50 times its size"),
    "bomb of headers": (
        gzip.compress(extended(b"a" * 60_000, b"g") * 40), "a header cannot be read",
    ),
    "all too large": (
        tar(CODE, *(file(f"f{number}", bytes(3 << 20)) for number in range(3)), mode="w"), "more than 8,388,608 bytes",
    ),
    "cut": (WHOLE[: len(WHOLE) // 2], "it ends too early"),
    "cut by one byte": (WHOLE[:-1], "it ends too early"),
    "cut, not compressed": (PLAIN[:1024], "it ends too early"),
    "cut in a file": (tar(CODE, file("f", bytes(9999)), mode="w")[:3000], "it ends in the middle of 'f'"),
    "cut, bz2": (tar(CODE, mode="w:bz2")[:-9], "it ends too early"),
    "cut, xz": (tar(CODE, mode="w:xz")[:-9], "it ends too early"),
    "changed": (WHOLE[:60] + b"\0\0\0\0" + WHOLE[64:], "it is broken"),
    "changed sum": (WHOLE[:-8] + bytes(8), "it is broken: CRC check failed"),
    "changed header": (tar(CODE, CODE, mode="w")[:1024] + b"x" * 1024, "a header has a wrong sum"),
    "changed xz": (b"\xfd7zXZ\0" + bytes(100), "it is broken"),
    "xz of much memory": (hungry(lzma.compress(PLAIN)), "it is broken: Memory usage limit"),
    "text": (b"this is no archive\n" * 99, "it is neither a tar nor a zip archive"),
    "short": (b"no", "it is neither a tar nor a zip archive"),
    "compressed text": (gzip.compress(b"no archive"), "it is neither a tar nor a zip archive"),
    "empty": (b"", "it is empty"),
    "no member": (tar(), "it holds no code/inference.py"),
    "no handler": (tar(file("model.json")), "it holds no code/inference.py"),
    "no handler but a directory": (tar(directory("code/inference.py")), "it holds no code/inference.py"),
    "wrapped": (tar(file("model/code/inference.py")), "its package is in 'model', and SageMaker looks for code/inf"),
    "wrapped beside others": (tar(file("model/code/inference.py"), file("x/y")), "its package is in 'model'"),
    "two roots": (tar(CODE, file("b/code/inference.py")), "more than one package: at its root and in 'b'"),
    "two roots below": (
        tar(file("a/code/inference.py"), file("b/code/inference.py")), "more than one package: in 'a' and in 'b'"
    ),
}  # fmt: skip

ZIPS: dict[str, tuple[bytes, str]] = {
    "up": (zipped(INFERENCE, ("../out.txt", b"x", 0)), "'../out.txt' leaves the package by '..'"),
    "absolute": (zipped(INFERENCE, ("/chaos-out/x", b"x", 0)), "'/chaos-out/x' is an absolute path"),
    "backslash": (zipped(INFERENCE, ("..\\out.txt", b"x", 0)), "has a backslash in its name"),
    "nul": (zipped(INFERENCE, ("a\0b", b"x", 0)), "has a NUL in its name"),
    "not utf-8": (zipped(("é", b"x", 0), INFERENCE).replace("é".encode(), b"\xff\xff"), "a name is not UTF-8: b'"),
    "link out": (zipped(INFERENCE, ("a", b"../x", stat.S_IFLNK)), "the link 'a' leads out of the package"),
    "link of much": (zipped(INFERENCE, ("a", b"x" * 5000, stat.S_IFLNK)), "has a target of 5,000 bytes"),
    "link not utf-8": (zipped(INFERENCE, ("a", b"\xff", stat.S_IFLNK)), "a name is not UTF-8: b'\\xff'"),
    "device": (zipped(INFERENCE, ("null", b"", stat.S_IFCHR)), "'null' is a device"),
    "fifo": (zipped(INFERENCE, ("pipe", b"", stat.S_IFIFO)), "'pipe' is a FIFO"),
    "twice": (zipped(INFERENCE, ("code/./inference.py", b"x", 0)), "is there twice"),
    "bomb": (zipped(INFERENCE, ("zeros", bytes(4 << 20), 0)), "it unpacks to more than 50 times its size"),
    "too large": (zipped(INFERENCE, ("zeros", bytes(5 << 20), 0)), "and one file may have 4,194,304"),
    "too many": (zipped(INFERENCE, *((f"f{number}", b"", 0) for number in range(60))), "more than 50 members"),
    "too long a list": (b"PK\3\4" + bytes(100) + zip_end(10 << 20), "the list of its members has 10,485,760 bytes"),
    "zip64": (b"PK\3\4" + bytes(100) + b"PK\6\7" + bytes(16) + zip_end(0), "for archives over 4 GiB"),
    "bzip2": (zipped(INFERENCE, method=zipfile.ZIP_BZIP2), "is not compressed by deflate"),
    "encrypted": (
        ZIP[:6] + b"\1" + ZIP[7:].replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"), "py' is encrypted",
    ),
    "cut": (ZIP[: len(ZIP) // 2], "there is no list of its members"),
    "changed": (ZIP[:50] + b"\0\0\0\0" + ZIP[54:], "'code/inference.py' is broken"),
    "changed list": (ZIP.replace(b"PK\1\2", b"PK\1\1"), "it is broken"),
    "only an end": (zip_end(0), "it holds no code/inference.py"),
    "two roots": (zipped(INFERENCE, ("MAR/MAR-INF/MANIFEST.json", b"{}", 0)), "at its root and in 'MAR'"),
}  # fmt: skip

ALL = {
    **{f"tar, {name}": made for name, made in TARS.items()},
    **{f"zip, {name}": made for name, made in ZIPS.items()},
}


@pytest.mark.parametrize("name", ALL)
def test_it_is_refused_in_one_line_and_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, words = ALL[name]
    around, temporary = tmp_path / "around", tmp_path / "temporary"
    around.mkdir()
    temporary.mkdir()
    package = around / "model.tar.gz"
    package.write_bytes(content)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    written: list[int] = []
    remove = shutil.rmtree

    def measured(path: Path, ignore_errors: bool) -> None:
        written.append(sum(each.lstat().st_size for each in Path(path).rglob("*") if not each.is_dir()))
        remove(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", measured)
    before = tree(around)
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError) as caught, opened(package, LIMITS):
            pytest.fail("it was unpacked")
        allocated = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{package}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(package)) + 300
    assert tree(around) == before, "nothing outside"
    assert not Path("/chaos-out").exists()
    assert tree(temporary) == {}, "nothing left"
    assert max(written) <= LIMITS.total
    assert allocated < (XZ_MEMORY if "xz" in name else MEMORY)


def test_a_large_bomb_is_refused_with_the_limits_that_everybody_has(tmp_path: Path) -> None:
    package = tmp_path / "model.tar.gz"
    package.write_bytes(concatenated(2 << 30))
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match="more than 100 times its size"), opened(package):
            pytest.fail("it was unpacked")
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_file_that_is_too_large_with_the_others_is_not_begun(tmp_path: Path, as_zip: bool) -> None:
    names = [f"f{number}" for number in range(3)]
    package, into = tmp_path / "model.tar.gz", tmp_path / "into"
    data = bytes(3 << 20)
    package.write_bytes(
        zipped(*((n, data, 0) for n in names)) if as_zip else tar(*(file(n, data) for n in names))
    )
    reading = Reading("here", replace(LIMITS, ratio=2000))
    into.mkdir()

    with package.open("rb") as content:
        start, size = package.read_bytes()[:6], package.stat().st_size
        members = read_zip(content, size, 50, reading) if as_zip else read_tar(content, start, reading)
        with pytest.raises(ArchiveError, match="more than 8,388,608 bytes"):
            Tree(into, reading).fill(members)
    assert sorted(path.name for path in into.iterdir()) == ["f0", "f1"]


def test_one_zip_of_many_names_for_the_same_bytes_is_counted_as_often(tmp_path: Path) -> None:
    """The bomb that needs no nesting: every name in the list leads to the same file."""
    one = zipped(("x", bytes(1 << 20), 0))
    at = one.index(b"PK\1\2")
    listed = one[at : one.index(b"PK\5\6")]
    end = bytearray(zip_end(len(listed) * 40))
    end[8:12] = (40).to_bytes(2, "little") * 2
    end[16:20] = at.to_bytes(4, "little")
    package = tmp_path / "model.mar"
    package.write_bytes(one[:at] + listed * 40 + bytes(end))

    with pytest.raises(ArchiveError, match=r"is there twice"), opened(package, LIMITS):
        pytest.fail("it was unpacked")


@pytest.mark.parametrize("made", [True, False])
def test_what_was_to_be_filled_is_as_before(tmp_path: Path, made: bool) -> None:
    package, into = tmp_path / "model.tar.gz", tmp_path / "into"
    package.write_bytes(tar(CODE, file("a/b/c"), link("d", "a"), file("../x")))
    if made:
        into.mkdir()
    before = tree(tmp_path)

    with pytest.raises(ArchiveError, match="leaves the package"), opened(package, into=into):
        pytest.fail("it was unpacked")
    assert tree(tmp_path) == before


def test_a_place_that_cannot_be_filled(tmp_path: Path) -> None:
    package = tmp_path / "model.tar.gz"
    package.write_bytes(WHOLE)
    full, taken = tmp_path / "full", tmp_path / "taken"
    full.mkdir()
    (full / "mine").touch()
    taken.touch()
    before = tree(tmp_path)

    for into, problem in ((full, "it is not empty"), (taken, "cannot be unpacked to: File exists")):
        with pytest.raises(ArchiveError, match=problem), opened(package, into=into):
            pytest.fail("it was unpacked")
    with pytest.raises(ArchiveError, match="there is no such package"), opened(tmp_path / "nowhere"):
        pytest.fail("it was unpacked")
    assert tree(tmp_path) == before
