"""Memory cgroups: where they may be made, on both versions of the interface, and that the kernel keeps their limits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.cgroups import (
    PREFIX,
    empty_tree,
    find_base,
    join,
    make_replica,
    make_tree,
    oom_kills,
    remove_tree,
)

needs_cgroups = pytest.mark.skipif(find_base() is None, reason="no writable memory cgroup")


def fake(tmp_path: Path, groups: str, mounts: str) -> Path:
    """A /proc/self of one's own; ``@`` in the mounts stands for where the hierarchies are."""
    proc = tmp_path / "self"
    proc.mkdir()
    (proc / "cgroup").write_text(groups)
    (proc / "mountinfo").write_text(mounts.replace("@", str(tmp_path)))
    return proc


V1 = "4:cpu,cpuacct:/\n3:memory:{}\n0::/\n"
V1_MOUNT = "30 24 0:26 {} @/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
V2_MOUNT = "31 24 0:27 {} @/unified rw - cgroup2 cgroup2 rw\n"


@pytest.mark.parametrize(
    ("groups", "mounts", "expected"),
    [
        (V1.format("/user/me"), V1_MOUNT.format("/"), "memory/user/me"),
        (V1.format("/"), V1_MOUNT.format("/"), "memory"),
        (V1.format("/docker/1/in"), V1_MOUNT.format("/docker/1"), "memory/in"),
        (V1.format("/elsewhere"), V1_MOUNT.format("/docker/1"), "memory"),
        (V1.format("/user/me"), V2_MOUNT.format("/"), None),
        ("0::/slice/scope\n", V2_MOUNT.format("/"), "unified/slice"),
        ("0::/lonely/scope\n", V2_MOUNT.format("/"), None),
        ("", "", None),
    ],
)
def test_where_groups_may_be_made(tmp_path: Path, groups: str, mounts: str, expected: str | None) -> None:
    for place in ("memory", "memory/user/me", "memory/in"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "cgroup.procs").write_text("")
    for place, handed_down in (
        ("slice", "cpu memory"),
        ("slice/scope", ""),
        ("lonely", "cpu"),
        ("lonely/scope", ""),
    ):
        (tmp_path / "unified" / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / "unified" / place / "cgroup.subtree_control").write_text(handed_down)
    found = find_base(fake(tmp_path, groups, mounts))

    assert found == (tmp_path / expected if expected is not None else None)


def test_there_is_none_without_proc(tmp_path: Path) -> None:
    assert find_base(tmp_path / "nowhere") is None


def test_version_2_as_files(tmp_path: Path) -> None:
    tree = tmp_path / f"{PREFIX}v2"
    make_tree(tree)
    assert (tree / "cgroup.subtree_control").read_text() == "+memory"
    (tree / "replica-1").mkdir()
    with pytest.raises(FileExistsError):
        make_replica(tree, 1, 1 << 20)
    group = make_replica(tree, 2, 1 << 20)
    assert int((group / "memory.max").read_text()) == 17 << 20
    (group / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert oom_kills(group) == 2
    assert oom_kills(tmp_path / "gone") == 0


@pytest.mark.parametrize("path", ["/", "/sys/fs/cgroup/memory", "/run/chaos-embedded-x/../other", "relative"])
def test_only_what_is_ours_is_removed(path: str) -> None:
    with pytest.raises(ValueError, match="no cgroup of an embedded platform"):
        remove_tree(path)


@pytest.fixture
def tree() -> Iterator[Path]:
    base = find_base()
    assert base is not None
    path = base / f"{PREFIX}test-{os.urandom(8).hex()}"  # no token: no platform that starts will clear it
    make_tree(path)
    yield path
    remove_tree(path)


def inside(group: Path, code: str) -> subprocess.Popen[bytes]:
    """A process that joins a group and then does something."""
    joining = f"from pathlib import Path; from chaos.cgroups import join; join(Path({str(group)!r}))"
    command = [sys.executable, "-c", f"{joining}\n{code}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@needs_cgroups
def test_the_kernel_ends_who_takes_more(tree: Path) -> None:
    group = make_replica(tree, 1, 32 << 20)
    frugal = inside(group, "b'x' * (24 << 20)")
    frugal.communicate(timeout=20)
    assert (frugal.returncode, oom_kills(group)) == (0, 0)
    greedy = inside(group, "b'x' * (256 << 20)")
    greedy.communicate(timeout=20)

    assert (greedy.returncode, oom_kills(group)) == (-signal.SIGKILL, 1)


@needs_cgroups
def test_a_tree_is_removed_with_all_that_is_in_it(tree: Path) -> None:
    groups = [make_replica(tree, number, 64 << 20) for number in range(2)]
    members = [inside(group, "print(flush=True); import time; time.sleep(60)") for group in groups]
    for member in members:
        assert member.stdout is not None
        member.stdout.readline()

    assert set(remove_tree(tree)) == {member.pid for member in members}

    for member in members:
        member.communicate(timeout=20)
        assert member.returncode == -signal.SIGKILL
    assert not tree.exists()
    assert remove_tree(tree) == [], "again, and it is no error"


@needs_cgroups
def test_an_emptied_tree_is_there_still(tree: Path) -> None:
    make_replica(tree, 1, 64 << 20)
    empty_tree(tree)

    assert [entry for entry in tree.iterdir() if entry.is_dir()] == []
    make_replica(tree, 1, 64 << 20)


@needs_cgroups
def test_what_cannot_be_joined_is_an_error(tree: Path) -> None:
    with pytest.raises(OSError, match="replica-9"):
        join(tree / "replica-9")
