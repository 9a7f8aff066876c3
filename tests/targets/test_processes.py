from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import psutil
import pytest

from chaos.targets.processes import (
    LocalProcesses,
    alive,
    free_port,
    listeners,
    port_is_free,
    session_members,
    tree,
)

SERVER = """
import socket, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], child.pid, flush=True)
input()
"""


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A process in a session of its own that listens and has a child: process, port, pid of the child."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        port, child = map(int, process.stdout.readline().split())
        yield process, port, child
    finally:
        for member in session_members(process.pid):
            member.kill()
        process.communicate()


def test_listeners(server: tuple[subprocess.Popen[str], int, int]) -> None:
    process, port, child = server

    assert listeners(port) == [process.pid]
    assert not port_is_free(port)
    assert [entry.pid for entry in tree(process.pid)] == [process.pid, child]
    assert {entry.pid for entry in session_members(process.pid)} == {process.pid, child}


def test_a_free_port() -> None:
    port = free_port()

    assert port_is_free(port)
    assert listeners(port) == []
    with closing(socket.create_server(("127.0.0.1", port))):
        assert not port_is_free(port)
        assert listeners(port) == [os.getpid()]


def test_workers_outlive_their_server(server: tuple[subprocess.Popen[str], int, int]) -> None:
    process, port, child = server
    processes = LocalProcesses(port)
    assert processes.pids() == [process.pid]
    processes.saw([-1, child, os.getppid()])
    assert processes.lingering([child, os.getppid()]) == [child], "a stranger's pid means nothing"
    assert processes.pids() == [process.pid], "it descends from the server"

    process.kill()
    process.wait()
    left = processes.pids()
    # its end of the pipe is closed with the server, so the child is about to end, or has
    assert left in ([child], [])
    assert process.pid not in left


def test_the_dead_are_not_alive(server: tuple[subprocess.Popen[str], int, int]) -> None:
    process, _, _ = server
    entry = psutil.Process(process.pid)
    assert alive(entry)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert not alive(entry), "a zombie"
    process.wait()
    assert not alive(entry)
    assert tree(process.pid) == []


def test_nobody_listens() -> None:
    assert LocalProcesses(free_port()).pids() == []
