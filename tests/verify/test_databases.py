"""What failed is kept where it is said; a place that cannot be used is one clear error."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis.database import DirectoryBasedExampleDatabase

from chaos.errors import ChaosError
from chaos.verify.databases import open_database


def test_a_directory_is_made(tmp_path: Path) -> None:
    database = open_database(str(tmp_path / "a" / "b"))

    assert isinstance(database, DirectoryBasedExampleDatabase)
    database.save(b"key", b"value")
    assert [*DirectoryBasedExampleDatabase(tmp_path / "a" / "b").fetch(b"key")] == [b"value"]


def test_none_is_none() -> None:
    assert open_database("none") is None


def test_what_is_a_file_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ChaosError, match="name a directory that can be made"):
        open_database(str(tmp_path / "file" / "below"))


def test_a_redis_that_does_not_answer() -> None:
    pytest.importorskip("redis", reason="the extra 'redis' is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"redis://:hush@127.0.0.1:{free.getsockname()[1]}/0"
        with pytest.raises(ChaosError, match="is there a Redis server") as error:
            open_database(url)
    assert "hush" not in str(error.value)
