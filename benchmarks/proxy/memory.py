"""Memory of each proxy: with many connections, with connections that come and go, with readers that stall."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import anyio

from benchmarks.proxy.goals import Goal, Section
from benchmarks.proxy.transfer import drain, sender
from benchmarks.proxy.ways import OURS, Way, open_ways

__all__ = ["many_connections", "stalled_readers"]

_REQUEST = b"GET / HTTP/1.1\r\nHost: benchmark\r\n\r\n"
_TIMEOUT = 10.0
_ENDING_SECONDS = 2.0
_TURNS = 20
"""How often all connections are opened and closed; and before that as often again, for the allocator to settle."""
_STALLED = 50
_SMALL_BUFFER = 65536


async def many_connections(nginx_port: int, core: int, connections: int, seconds: float) -> Section:
    """Connections that stay and make requests, then as many that come and go, again and again.

    It may take memory for a connection, but none for a request, and none for a connection that is gone.
    """
    section = Section(
        f"memory with {connections:,} connections, for {seconds:g} s; then as many come and go, again and again"
    )
    async with open_ways(nginx_port, core) as ways:
        for way in ways[1:]:
            await anyio.to_thread.run_sync(_load, section, way, connections, seconds)
    section.goals += [
        Goal("KiB a connection", section.median(OURS, "each") / 1024, 16.0),
        Goal("growth over time, MiB", section.median(OURS, "growth") / 2**20, 1.0),
        Goal("bytes left behind by a connection that is gone", section.median(OURS, "left"), 128.0),
        Goal("descriptors left behind", section.median(OURS, "descriptors"), 0),
    ]
    section.show(
        {
            "start": ("MiB at start", 2**-20, 1),
            "each": ("KiB a connection", 2**-10, 1),
            "growth": ("growth over time, KiB", 2**-10, 0),
            "left": ("bytes a gone connection", 1, 0),
            "descriptors": ("descriptors left", 1, 0),
        }
    )
    return section


def _load(section: Section, way: Way, connections: int, seconds: float) -> None:
    start, descriptors = way.rss, way.descriptors
    with ExitStack() as stack:
        sockets = _connect(stack, way, connections)
        _ask_all(way, sockets)
        first = way.rss
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            _ask_all(way, sockets)
        growth = way.rss - first
    settled = 0
    for turn in range(-_TURNS, _TURNS):
        if turn == 0:
            settled = way.rss
        with ExitStack() as stack:
            _ask_all(way, _connect(stack, way, connections))
    left = (way.rss - settled) / (_TURNS * connections)
    deadline = time.monotonic() + _ENDING_SECONDS
    while way.descriptors > descriptors and time.monotonic() < deadline:
        time.sleep(0.02)
    section.add(
        way.name,
        start=start,
        each=(first - start) / connections,
        growth=growth,
        left=left,
        descriptors=way.descriptors - descriptors,
    )


def _connect(stack: ExitStack, way: Way, connections: int) -> list[socket.socket]:
    return [
        stack.enter_context(socket.create_connection(("127.0.0.1", way.port), timeout=_TIMEOUT))
        for _ in range(connections)
    ]


def _ask_all(way: Way, sockets: list[socket.socket]) -> None:
    """Make one request on each connection, all at once."""
    for connection in sockets:
        connection.sendall(_REQUEST)
    for connection in sockets:
        answer = b""
        while not answer.endswith(b"\r\n\r\n\n"):  # the body is an empty line: there was no nonce
            piece = connection.recv(4096)
            if not piece:
                raise SystemExit(f"{way.name}: a connection was closed after {answer!r}")
            answer += piece


async def stalled_readers(load_core: int, proxy_core: int, seconds: float) -> Section:
    """Fifty clients that read nothing of what a sender pushes for some seconds, and then all of it."""
    size = 32 * 2**20
    section = Section(
        f"memory with {_STALLED} stalled readers, {size >> 20} MiB pushed to each, for {seconds:g} s"
    )
    with sender(size, load_core) as port:
        async with open_ways(port, proxy_core) as ways:
            for way in ways[1:]:
                await anyio.to_thread.run_sync(_stall, section, way, size, seconds)
    section.goals += [
        Goal("KiB held for a stalled reader", section.median(OURS, "each") / 1024, 512.0),
        Goal("growth in the second half, MiB", section.median(OURS, "growth") / 2**20, 1.0),
        Goal("CPU s meanwhile", section.median(OURS, "cpu"), 0.1),
    ]
    section.show(
        {
            "each": ("KiB a stalled reader", 2**-10, 1),
            "growth": ("growth, second half, KiB", 2**-10, 0),
            "cpu": ("CPU s, second half", 1, 2),
        }
    )
    return section


def _stall(section: Section, way: Way, size: int, seconds: float) -> None:
    start = way.rss
    with ExitStack() as stack:
        sockets = []
        for _ in range(_STALLED):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
            connection.settimeout(_TIMEOUT)
            connection.connect(("127.0.0.1", way.port))
            sockets.append(connection)
        time.sleep(seconds / 2)
        middle, cpu = way.rss, way.cpu_seconds
        time.sleep(seconds / 2)
        section.add(
            way.name, each=(way.rss - start) / _STALLED, growth=way.rss - middle, cpu=way.cpu_seconds - cpu
        )
        for connection in sockets:
            if (received := drain(connection)) != size:
                raise SystemExit(
                    f"{way.name}: {received:,} bytes came of {size:,} after the reader had stalled"
                )
