"""Resources are read from the processes themselves, over whole trees."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from chaos.targets.resources import ResourceSampler

SPIN = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child that spins; both end with the test."""
    process = subprocess.Popen([sys.executable, "-c", SPIN])
    yield process
    for child in psutil.Process(process.pid).children():
        child.kill()
    process.kill()
    process.wait()


def settled(sampler: ResourceSampler, tree: subprocess.Popen[bytes]) -> None:
    """Wait until the child is there and spins."""
    deadline = time.monotonic() + 10
    while sampler.sample([tree.pid]).cpu < 0.05 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)


def test_a_tree_is_read_with_its_children(tree: subprocess.Popen[bytes]) -> None:
    sampler = ResourceSampler()
    settled(sampler, tree)
    busy = sampler.sample([tree.pid])

    assert busy.processes == 2
    assert 0.02 < busy.cpu < 2.0
    assert busy.rss > 2**20
    assert busy.threads >= 2
    assert busy.fds >= 2


def test_the_same_root_twice_counts_once_and_a_gone_one_not_at_all(tree: subprocess.Popen[bytes]) -> None:
    sampler = ResourceSampler()
    settled(sampler, tree)

    assert sampler.sample([tree.pid, tree.pid]).processes == 2
    assert sampler.sample([2**22 + 1]).processes == 0


def test_a_process_that_ends_is_no_negative_load(tree: subprocess.Popen[bytes]) -> None:
    sampler = ResourceSampler()
    settled(sampler, tree)
    for child in psutil.Process(tree.pid).children():
        child.kill()
    time.sleep(0.2)

    assert sampler.sample([tree.pid]).cpu >= 0.0
