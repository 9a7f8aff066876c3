"""A footprint is read from the processes: what they take shows, what they give back is gone, what is left is found."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from chaos.cgroups import PREFIX, find_base, memory_group
from chaos.targets.footprint import COUNTS, SHM, Footprint, FootprintReader
from tests.embedded.harness import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells all of a footprint")

SERVANT = """
import mmap, os, socket, subprocess, sys, threading
kept = {}
held = threading.Event()
for line in sys.stdin:
    word, name = line.split()
    if word == "listen":
        kept[name] = socket.create_server(("127.0.0.1", 0))
        print(kept[name].getsockname()[1], flush=True)
        continue
    if word == "accept":
        kept["accepted"], _ = kept[name].accept()
    if word == "close":
        kept.pop(name).close()
    if word == "thread":
        threading.Thread(target=held.wait, daemon=True).start()
    if word == "join":
        held.set()
    if word == "memory":
        kept[name] = os.urandom(8 << 20)
    if word == "shared":
        descriptor = os.open(name, os.O_CREAT | os.O_RDWR, 0o600)
        os.ftruncate(descriptor, 4096)
        kept[name] = mmap.mmap(descriptor, 4096)
        os.close(descriptor)
    if word == "child":
        kept[name] = subprocess.Popen(["sleep", "60"])
    print("done", flush=True)
"""

Servant = Callable[[str], str]


@pytest.fixture
def servant() -> Iterator[tuple[int, Servant]]:
    """A process that does as it is told: its pid, and how it is told."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVANT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def tell(words: str) -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(words + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    tell("ready ?")
    try:
        yield process.pid, tell
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.communicate()


def more(found: Footprint, before: Footprint) -> dict[str, int]:
    """What is counted that is more, or less, than it was."""
    changes = {name: getattr(found, name) - getattr(before, name) for name in COUNTS}
    return {name: change for name, change in changes.items() if change}


def test_what_is_taken_shows_and_what_is_given_back_is_gone(servant: tuple[int, Servant]) -> None:
    pid, tell = servant
    reader = FootprintReader()
    before = reader.read([pid])
    tell("listen a")
    tell("thread ?")
    tell("child c")

    # the child has its three standard streams
    assert more(reader.read([pid]), before) == {"processes": 1, "ports": 1, "fds": 4, "threads": 2}

    tell("close a")
    tell("join ?")
    psutil.Process(pid).children()[0].kill()
    eventually(lambda: reader.read([pid]).threads == before.threads + 1, "the thread has ended")
    left = more(reader.read([pid]), before)
    assert left == {"processes": 1, "threads": 1}, "a zombie is left: nobody waited for it"


def test_memory_is_the_processs_own(servant: tuple[int, Servant]) -> None:
    pid, tell = servant
    reader = FootprintReader()
    before = reader.read([pid])
    tell("memory m")
    after = reader.read([pid])

    assert 8 << 20 <= after.memory - before.memory < 9 << 20
    assert after.rss > after.memory
    assert after.pss is not None
    assert after.pss > after.memory


def test_shared_memory_that_nobody_uses_any_more_is_found(servant: tuple[int, Servant]) -> None:
    pid, tell = servant
    path = Path(f"{SHM}chaos-test-{os.getpid()}")
    reader = FootprintReader()
    before = reader.read([pid])
    try:
        tell(f"shared {path}")
        assert more(reader.read([pid]), before)["shared"] == 1
        tell(f"close {path}")
        assert more(reader.read([pid]), before) == {"shared": 1}
    finally:
        path.unlink()
    assert more(reader.read([pid]), before) == {}


def test_a_process_that_leaves_the_tree_is_still_the_targets(servant: tuple[int, Servant]) -> None:
    pid, tell = servant
    reader = FootprintReader()
    before = reader.read([pid])
    tell("child c")
    reader.read([pid])
    (child,) = psutil.Process(pid).children()

    assert reader.read([]).processes == 2, "neither is below a root, but both were"
    child.kill()
    assert more(reader.read([pid]), before)["processes"] == 1


def test_connections_that_the_harness_keeps_are_not_the_targets(servant: tuple[int, Servant]) -> None:
    pid, tell = servant
    port = int(tell("listen a"))
    reader = FootprintReader()
    before = reader.read([pid])
    with closing(socket.create_connection(("127.0.0.1", port))):
        tell("accept a")
        assert more(reader.read([pid]), before) == {}
    assert more(reader.read([pid]), before) == {"fds": 1}, "one whose other end is gone is"


def test_a_cgroup_that_is_left_is_found(servant: tuple[int, Servant]) -> None:
    pid, _ = servant
    base = find_base()
    if base is None:
        pytest.skip("no cgroup can be made here")
    own = memory_group(Path("/proc/self"))
    group = base / f"{PREFIX}test-{os.getpid()}"
    group.mkdir()
    try:
        reader = FootprintReader()
        assert reader.read([pid]).partitions == 0, "the harness's own is not the target's"
        (group / "cgroup.procs").write_text(str(pid))
        assert reader.read([pid]).partitions == 1
        assert own is not None
        (own / "cgroup.procs").write_text(str(pid))
        assert reader.read([pid]).partitions == 1, "nobody is in it, but it is there"
    finally:
        group.rmdir()
    assert reader.read([pid]).partitions == 0


def test_nothing_of_a_process_that_is_gone() -> None:
    found = FootprintReader().read([2**22 + 1])

    assert (found.processes, found.fds, found.threads, found.memory) == (0, 0, 0, 0)
