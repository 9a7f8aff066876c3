"""One large transfer through each way, from a sender that hardly works to a sink that throws everything away."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anyio

from benchmarks.others import Others
from benchmarks.proxy.goals import OTHERS, Goal, Section
from benchmarks.proxy.sender import BLOCK, block
from benchmarks.proxy.ways import HAPROXY, OURS, Way, in_turn, open_ways
from benchmarks.tools import pinned

__all__ = ["drain", "sender", "transfers"]

SIZE = 2**30
_CHECKED = 4 * BLOCK
_CHUNK = 2**20
_STALL_SECONDS = 30.0


async def transfers(rounds: int, load_core: int, proxy_core: int) -> Section:
    """Send 1 GiB through each way in each round; before, a smaller transfer whose every byte is compared."""
    section = Section("transfer of 1 GiB")
    with sender(_CHECKED, load_core) as port:
        async with open_ways(port, proxy_core) as ways:
            for way in ways:
                await anyio.to_thread.run_sync(_compare, way)
    with sender(SIZE, load_core) as port:
        async with open_ways(port, proxy_core) as ways:
            for number in range(rounds):
                for way in in_turn(ways, number):
                    others, cpu = Others(), way.cpu_seconds
                    seconds = await anyio.to_thread.run_sync(_transfer, way)
                    section.add(way.name, rate=SIZE / seconds, others=others.share())
                    if way.pid is not None:
                        section.add(way.name, cpu=way.cpu_seconds - cpu)
    ours, theirs = (section.figures[name] for name in (OURS, HAPROXY))
    section.goals += [
        Goal.ratio("throughput", ours["rate"].median, theirs["rate"].median, 0.8, at_least=True),
        Goal.ratio("bytes per second of CPU", 1 / ours["cpu"].median, 1 / theirs["cpu"].median, 0.8, True),
    ]
    section.show({"rate": ("MiB/s", 2**-20, 0), "cpu": ("CPU s", 1, 2), **OTHERS})
    return section


@contextmanager
def sender(size: int, core: int) -> Iterator[int]:
    """Run a sender of so many bytes on this core; yields its port."""
    command = pinned([sys.executable, "-m", "benchmarks.proxy.sender", str(size)], core)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def drain(connection: socket.socket) -> int:
    """How many bytes come until the end, an error or a time-out. The kernel drops them (``MSG_TRUNC``), at no cost."""
    buffer = bytearray(_CHUNK)
    received = 0
    with suppress(OSError):  # what is missing tells
        while count := connection.recv_into(buffer, _CHUNK, socket.MSG_TRUNC):
            received += count
    return received


def _transfer(way: Way) -> float:
    """How many seconds it takes until all is received."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", way.port), timeout=_STALL_SECONDS) as connection:
        received = drain(connection)
    if received != SIZE:
        raise SystemExit(f"{way.name}: {received:,} bytes came of {SIZE:,}")
    return time.monotonic() - began


def _compare(way: Way) -> None:
    expected = block() * (_CHECKED // BLOCK)
    received = bytearray()
    with socket.create_connection(("127.0.0.1", way.port), timeout=_STALL_SECONDS) as connection:
        while piece := connection.recv(_CHUNK):
            received += piece
    if received != expected:
        raise SystemExit(f"{way.name}: the bytes that came ({len(received):,}) are not those that were sent")
