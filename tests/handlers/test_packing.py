"""Packages packed, and unpacked again."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.errors import DocumentError
from chaos.handlers.archive import opened
from chaos.handlers.package import load_package
from chaos.handlers.packing import pack
from tests.handlers.archives import HANDLER, tree
from tests.handlers.packages import whole


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "mine"
    (root / "code" / "__pycache__").mkdir(parents=True)
    (root / "code" / "inference.py").write_bytes(HANDLER)
    (root / "code" / "__pycache__" / "inference.cpython-311.pyc").write_bytes(b"x")
    (root / "code" / "old.pyc").touch()
    (root / "._model.bin").touch()
    (root / ".git").mkdir()
    (root / "model.bin").write_bytes(bytes(range(256)) * 100)
    (root / "run").write_text("#!")
    (root / "run").chmod(0o4755)
    (root / "calibration").mkdir()
    (root / "latest").symlink_to("model.bin")
    return root


def test_the_same_content_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    first = pack(source, tmp_path / "one.tar.gz")
    other = tmp_path / "other"
    for path in sorted(
        source.rglob("*"), reverse=True
    ):  # made in another order, at another time, by another mask
        target = other / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            target.symlink_to(os.readlink(path))
        elif path.is_dir():
            target.mkdir(exist_ok=True, mode=0o700)
        else:
            shutil.copy(path, target)
            target.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)
            os.utime(target, (time.time() - 1e6,) * 2)
    second = pack(other, tmp_path / "two.tar.gz")

    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4), "no time"
    assert b"one.tar" not in first.read_bytes(), "no name"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "one.tar.gz", "other", "two.tar.gz"]
    assert first.stat().st_mode & 0o777 == 0o644


def test_it_is_a_package_that_loads(source: Path, tmp_path: Path) -> None:
    with opened(pack(source, tmp_path / "model.tar.gz")) as root:
        assert tree(root) == {
            "calibration": "755/",
            "code": "755/",
            "code/inference.py": f"644 {HANDLER!r}",
            "latest": "-> model.bin",
            "model.bin": f"644 {bytes(range(256)) * 100!r}",
            "run": "755 b'#!'",
        }
        assert whole(load_package(root), b"[1]") == b"1"


def test_the_order_is_that_of_names(source: Path, tmp_path: Path) -> None:
    for number in range(40):
        (source / f"d{number % 4}").mkdir(exist_ok=True)
        (source / f"d{number % 4}" / f"{number * 7919 % 97}").touch()
    with tarfile.open(pack(source, tmp_path / "model.tar.gz")) as archive:
        names = archive.getnames()

    files = {
        name: [each for each in names if each.startswith(f"{name}/")] for name in ("d0", "d1", "d2", "d3")
    }
    assert all(len(each) == 10 and each == sorted(each) for each in files.values())
    top = [name for name in names if "/" not in name]
    assert top == sorted(top)
    assert [name.partition("/")[0] for name in names if name[0] == "d" and "/" in name] == sorted(
        list(files) * 10
    )


def test_an_archive_in_the_directory_does_not_hold_itself(source: Path) -> None:
    first = pack(source, source / "model.tar.gz").read_bytes()

    assert pack(source, source / "model.tar.gz").read_bytes() == first


def test_a_change_in_the_content_changes_the_bytes(source: Path, tmp_path: Path) -> None:
    first = pack(source, tmp_path / "one.tar.gz").read_bytes()
    for change in (
        lambda: (source / "model.bin").write_bytes(b"other"),
        lambda: (source / "run").chmod(0o644),
        lambda: (source / "calibration").rmdir(),
    ):
        change()
        second = pack(source, tmp_path / "two.tar.gz").read_bytes()
        assert second != first
        first = second


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            lambda root: (root / "code" / "inference.py").unlink(),
            "inference.py: cannot be read: No such file",
        ),
        (
            lambda root: (root / "code" / "inference.py").write_text("\ndef model_fn(:"),
            r"inference.py:2: is no Python",
        ),
        (lambda root: (root / "code" / "inference.py").write_bytes(b"\0"), "is no Python"),
        (lambda root: (root / "code" / "inference.py").write_bytes(b"\xff"), "is no Python"),
        (lambda root: os.mkfifo(root / "pipe"), "pipe: is neither a file nor a directory"),
        (
            lambda root: (root / "out").symlink_to("../.."),
            "out: links to '../..', which is not in the package",
        ),
        (lambda root: (root / "out").symlink_to("/etc/passwd"), "out: links to '/etc/passwd'"),
        (lambda root: (root / "in").symlink_to(root / "model.bin"), "which is not in the package"),
        (lambda root: (root / "out").symlink_to("gone"), "out: links to 'gone'"),
        (lambda root: (root / "a\\b").touch(), "has a backslash in its name"),
        (lambda root: (root / os.fsdecode(b"\xff")).touch(), "its name is not UTF-8"),
    ],
)
def test_what_no_archive_should_hold(source: Path, tmp_path: Path, spoil: object, problem: str) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"as before")
    assert callable(spoil)
    spoil(source)

    with pytest.raises(DocumentError) as caught:
        pack(source, archive)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert archive.read_bytes() == b"as before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "model.tar.gz"]


def test_a_place_that_cannot_be_written(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be written: No such file"):
        pack(source, tmp_path / "nowhere" / "model.tar.gz")
    (tmp_path / "taken").mkdir()
    with pytest.raises(DocumentError, match="taken: cannot be packed: Is a directory"):
        pack(source, tmp_path / "taken")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "taken"]


def test_odd_escapes_are_python(source: Path, tmp_path: Path) -> None:
    (source / "code" / "inference.py").write_text("PATTERN = '\\d'\n")

    assert b"PATTERN" in gzip.decompress(pack(source, tmp_path / "model.tar.gz").read_bytes())


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text("abé .-", min_size=1, max_size=120).filter(str.strip), st.binary(max_size=5000), max_size=5
    )
)
def test_what_is_packed_can_be_opened(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "mine"
        (root / "code").mkdir(parents=True)
        (root / "code" / "inference.py").write_bytes(HANDLER)
        wanted = {"code": "755/", "code/inference.py": f"644 {HANDLER!r}"}
        for file, data in files.items():
            if file.strip(".") and not file.startswith("._"):
                (root / file).write_bytes(data)
                wanted[file] = f"644 {data!r}"
        with opened(pack(root, Path(name) / "model.tar.gz")) as again:
            assert tree(again) == wanted
