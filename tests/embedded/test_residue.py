"""What a platform leaves, and the processes that bear its mark."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos.cgroups import find_base, make_tree, remove_tree
from chaos.embedded.residue import Residue, clear_orphans
from chaos.marks import PLATFORM, bearers, end_bearers


@pytest.fixture
def residue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Residue]:
    """Places of a platform that never was, the directory below one of ours."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    places = Residue.of(os.urandom(8).hex())
    with bearer(places.token):  # or else a platform that another test starts clears them
        assert places.make() is bool(places.cgroup)
        yield places
    places.clear()


def there(residue: Residue) -> list[bool]:
    return [Path(place).exists() for place in (residue.state, residue.cgroup) if place]


@contextmanager
def bearer(token: str, code: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A process that bears a token."""
    command = [sys.executable, "-c", f"{code}\nprint(flush=True)\nimport time\ntime.sleep(60)"]
    process = subprocess.Popen(command, env={**os.environ, PLATFORM: token}, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_clearing_twice(residue: Residue) -> None:
    (Path(residue.state) / "models.json").write_text("[]")
    assert residue.clear()[-1] == "removed its state"
    assert not any(there(residue))
    assert residue.clear() == []


def test_only_a_platforms_directory_is_cleared(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no directory of an embedded platform"):
        Residue("0123456789abcdef", "", str(tmp_path)).clear()
    assert tmp_path.exists()


def test_orphans_are_cleared_and_others_are_not(residue: Residue, tmp_path: Path) -> None:
    stranger = tmp_path / "chaos-embedded-readme"
    stranger.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = tmp_path / f"chaos-embedded-{os.urandom(8).hex()}"
    link.symlink_to(elsewhere)
    clear_orphans()
    assert all(there(residue)), "it may be about to use them"
    end_bearers(PLATFORM, residue.token, grace=0)
    clear_orphans()

    assert not any(there(residue))
    assert stranger.exists()
    assert elsewhere.exists(), "what a link points to is not ours"


@pytest.mark.skipif(find_base() is None, reason="no writable memory cgroup")
def test_an_orphans_tree_is_found_where_it_was_made(residue: Residue) -> None:
    """It may have been started in another cgroup than the next one."""
    base = find_base()
    assert base is not None
    elsewhere = base / "chaos-embedded-test-elsewhere"
    other = Residue(residue.token, str(elsewhere / Path(residue.state).name), f"{residue.state}0")
    make_tree(elsewhere)
    try:
        assert other.make()
        Path(other.state).rename(Path(other.state).with_name(f"chaos-embedded-{os.urandom(8).hex()}"))
        clear_orphans()
        assert not Path(other.cgroup).exists()
    finally:
        remove_tree(elsewhere)


def test_where_no_tree_can_be_made_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = Residue(
        "0123456789abcdef", str(tmp_path / "no" / "chaos-embedded-x"), str(tmp_path / "chaos-embedded-x")
    )
    assert not places.make()
    assert "RLIMIT_DATA" in capsys.readouterr().err
    with pytest.raises(FileExistsError):
        places.make()
    assert places.clear() == ["removed its state"]


def test_bearers_are_found_by_their_mark_alone() -> None:
    token, other = os.urandom(8).hex(), os.urandom(8).hex()
    with bearer(token) as one, bearer(other):
        assert bearers(PLATFORM, token) == [one.pid]
        assert bearers(PLATFORM, token[:-1]) == []
        assert bearers(PLATFORM, "") == []
        one.kill()
        one.wait()
        assert bearers(PLATFORM, token) == []


def test_a_bearer_is_given_time_and_then_killed() -> None:
    token = os.urandom(8).hex()
    assert end_bearers(PLATFORM, token, grace=5) == ([], []), "at once if there is none"
    with bearer(token, "import signal; signal.signal(15, signal.SIG_IGN)") as stubborn:
        os.kill(stubborn.pid, signal.SIGSTOP)
        start = time.monotonic()
        assert end_bearers(PLATFORM, token, grace=0.3) == ([stubborn.pid], [])
        assert time.monotonic() - start >= 0.3
        assert stubborn.wait(10) == -signal.SIGKILL
