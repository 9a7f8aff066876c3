"""Sound archives become what was packed, whoever packed them; no bytes at all get anything outside."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.handlers.archive import ArchiveError, ArchiveLimits, opened
from chaos.handlers.package import load_package
from tests.handlers.archives import CODE, HANDLER, directory, entry, file, link, tar, tree, zipped
from tests.handlers.packages import whole


def unpacked(directory: Path, content: bytes) -> dict[str, str]:
    package = directory / "model.tar.gz"
    package.write_bytes(content)
    with opened(package) as root:
        assert root.is_dir()
        found = tree(root)
    assert not root.exists(), "it is temporary"
    return found


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_of_any_kind(tmp_path: Path, mode: str, form: int) -> None:
    middle = "/".join(["directory"] * 12)
    content = tar(
        directory("./"),
        directory("./code"),
        file("./code/inference.py", HANDLER),
        file(f"{middle}/file", b"y" * 600_000),
        file("run", b"", mode=0o6755),
        file("kept", b"", mode=0o600),
        mode=mode,
        form=form,
    )
    found = unpacked(tmp_path, content)

    assert found["code/inference.py"] == f"644 {HANDLER!r}"
    assert found[f"{middle}/file"] == f"644 {b'y' * 600_000!r}"
    assert found["run"] == "755 b''", "it may run, and no more"
    assert found["kept"] == "644 b''"
    assert found["code"] == "755/"


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_names_of_all_languages(tmp_path: Path, form: int) -> None:
    name = "/".join(["größe" * 20] * 4)
    found = unpacked(tmp_path, tar(CODE, file(name), link("short", name), form=form))

    assert found[name] == "644 b'x'"
    assert found["short"] == f"-> {name}"


def test_links_that_stay_inside(tmp_path: Path) -> None:
    content = tar(
        link("first", "code/../second"),  # a link may come before what it leads to
        link("second", "code"),
        CODE,
        link("code/up", "../first/inference.py"),
        link("same", "code/inference.py", hard=True),
        link("root", "."),
    )
    package = tmp_path / "model.tar.gz"
    package.write_bytes(content)
    with opened(package) as root:
        assert (root / "code" / "up").read_bytes() == HANDLER
        assert (root / "same").stat().st_ino == (root / "code" / "inference.py").stat().st_ino
        assert (root / "root" / "first" / "inference.py").read_bytes() == HANDLER
        assert whole(load_package(root), b"[1, 2]") == b"2"


def test_the_handler_may_be_a_link(tmp_path: Path) -> None:
    assert "code/inference.py" in unpacked(
        tmp_path, tar(file("h.py", HANDLER), link("code/inference.py", "../h.py"))
    )
    with pytest.raises(ArchiveError, match=r"holds no code/inference\.py"):
        unpacked(tmp_path, tar(directory("h"), link("code/inference.py", "../h")))


def test_a_mar(tmp_path: Path) -> None:
    content = zipped(
        ("MAR-INF/", b"", 0),
        ("MAR-INF/MANIFEST.json", json.dumps({"model": {"handler": "h.py"}}).encode(), 0),
        ("h.py", HANDLER, stat.S_IFREG | 0o755),
        ("größe", b"x", 0),
        ("a/link", b"../h.py", stat.S_IFLNK),
    )
    found = unpacked(tmp_path, content)

    assert found == {
        "MAR-INF": "755/",
        "MAR-INF/MANIFEST.json": """644 b'{"model": {"handler": "h.py"}}'""",
        "h.py": f"755 {HANDLER!r}",
        "größe": "644 b'x'",
        "a": "755/",
        "a/link": "-> ../h.py",
    }
    package = tmp_path / "model.tar.gz"
    with opened(package) as root:
        assert whole(load_package(root), b"[1, 2]") == b"2"


def test_a_name_in_utf8_that_a_zip_does_not_call_so(tmp_path: Path) -> None:
    content = zipped(("code/inference.py", HANDLER, 0), ("é", b"x", 0))
    for flags in (content.index(b"PK\3\4", 5), content.rindex(b"PK\1\2") + 2):
        content = content[: flags + 6] + b"\0\0" + content[flags + 8 :]

    assert unpacked(tmp_path, content)["é"] == "644 b'x'"


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar", "v7", "oldgnu"])
@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar here")
def test_what_the_systems_tar_packs(tmp_path: Path, form: str) -> None:
    source = tmp_path / "source"
    (source / "code").mkdir(parents=True)
    (source / "code" / "inference.py").write_bytes(HANDLER)
    deep = source / "a" / ("b" * 60) if form in ("ustar", "v7") else source / ("a" * 200) / ("b" * 200)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(os.urandom(100_000))
    (source / "link").symlink_to("code/inference.py")
    os.link(source / "code" / "inference.py", source / "zz")
    for path in source.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    subprocess.run(
        ["tar", f"--format={form}", "-czf", tmp_path / "made.tar.gz", "-C", source, "."], check=True
    )

    assert unpacked(tmp_path, (tmp_path / "made.tar.gz").read_bytes()) == tree(source)


def test_a_directory_is_its_own_and_another_one_can_be_filled(tmp_path: Path) -> None:
    package, into = tmp_path / "model.tar.gz", tmp_path / "one" / "two"
    package.write_bytes(tar(CODE))
    with opened(package, into=into) as root:
        assert root == into
    with opened(into) as again:
        assert again == into
    assert (into / "code" / "inference.py").read_bytes() == HANDLER, "both stay"


PARTS = st.sampled_from(
    ["..", ".", "", "a", "b", "code", "inference.py", "\\", "C:", "a\0b", "é", "..a", "~", "n" * 256]
)
NAMES = st.lists(PARTS, min_size=1, max_size=5).map("/".join) | st.text(max_size=8)
KINDS = st.sampled_from([bytes([byte]) for byte in b"0123456755555222111SLKxgZ\0"])


def archive_bytes() -> st.SearchStrategy[bytes]:
    entries = st.lists(
        st.builds(entry, NAMES, KINDS, NAMES, st.binary(max_size=20), st.integers(0, 0o7777)), max_size=6
    )
    tars = st.builds(
        _made,
        entries,
        st.sampled_from(["w", "w:gz"]),
        st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    )
    modes = st.sampled_from([0, stat.S_IFLNK, stat.S_IFREG, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFIFO])
    zips = st.lists(st.tuples(NAMES, NAMES.map(str.encode), modes), max_size=6).map(
        lambda each: zipped(*each)
    )
    changes = st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=8)), max_size=3)
    starts = st.sampled_from([b"", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0", b"PK\3\4", b"PK\5\6"])
    noise = st.builds(lambda start, rest: start + rest, starts, st.binary(max_size=600))
    return st.builds(_changed, tars | zips, st.just([]) | changes) | noise


def _made(entries: list[tuple[tarfile.TarInfo, bytes]], mode: str, form: Literal[0, 1, 2]) -> bytes:
    kept = []
    for info, data in entries:
        with suppress(ValueError, UnicodeError):  # what tarfile cannot write in this form
            info.tobuf(form)
            kept.append((info, data))
    return tar(CODE, *kept, mode=mode, form=form)


def _changed(content: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    out = bytearray(content)
    for place, data in changes:
        out[place : place + len(data)] = data
    return bytes(out)


@settings(max_examples=300, deadline=None)
@given(archive_bytes())
def test_no_bytes_get_anything_outside(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        into, package = base / "around" / "into", base / "around" / "model.tar.gz"
        package.parent.mkdir()
        package.write_bytes(content)
        (base / "around" / "a").write_text("mine")
        (base / "code").mkdir()
        before = tree(base)
        try:
            with opened(package, ArchiveLimits(total=1 << 20, members=20), into) as root:
                for path in root.rglob("*"):
                    assert path.resolve().is_relative_to(root.resolve())
                    assert path.is_symlink() or path.is_file() or path.is_dir()
                    assert path.is_symlink() or not path.stat().st_mode & 0o7022
                assert (root / "code" / "inference.py").is_file() or (
                    root / "MAR-INF" / "MANIFEST.json"
                ).is_file()
            shutil.rmtree(into)
        except ArchiveError as error:
            assert "\n" not in str(error)  # noqa: PT017
        assert tree(base) == before


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.text("abcé/.", min_size=1, max_size=9), st.binary(max_size=2000), max_size=8),
    st.booleans(),
)
def test_sound_files_come_out_as_they_went_in(files: dict[str, bytes], as_zip: bool) -> None:
    sound: dict[str, bytes] = {}
    for name, data in files.items():
        parts = [part for part in name.split("/") if part not in ("", ".", "..")]
        path = "/".join(parts)
        taken = any(
            path == each or path.startswith(f"{each}/") or each.startswith(f"{path}/") for each in sound
        )
        if parts and not taken:
            sound[path] = data
    sound = {f"d/{path}": data for path, data in sound.items()} | {"code/inference.py": HANDLER}
    content = (
        zipped(*((name, data, 0) for name, data in sound.items()))
        if as_zip
        else tar(*(file(name, data) for name, data in sound.items()))
    )
    with tempfile.TemporaryDirectory() as name:
        found = unpacked(Path(name), content)
    assert {path: said for path, said in found.items() if said != "755/"} == {
        path: f"644 {data!r}" for path, data in sound.items()
    }


def test_these_archives_are_what_others_take_for_archives() -> None:
    """The helpers write what :mod:`tarfile` and :mod:`zipfile` read."""
    with tarfile.open(fileobj=io.BytesIO(tar(CODE))) as archive:
        assert archive.getnames() == ["code/inference.py"]
    assert zipfile.ZipFile(io.BytesIO(zipped(("a", b"x", 0)))).read("a") == b"x"
