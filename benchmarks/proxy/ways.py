"""The ways from a client to a server that are compared: directly, through HAProxy, through our fault proxy."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.tools import await_listening, find_tool, free_port, running
from chaos.proxy.client import ProxyClient
from chaos.proxy.process import FaultProxy

__all__ = ["DIRECT", "HAPROXY", "OURS", "Way", "in_turn", "open_ways"]

DIRECT, HAPROXY, OURS = "direct", "HAProxy", "chaos.proxy"

_CONFIG = """
global
    nbthread 1
    maxconn 8192
defaults
    mode tcp
    timeout connect 5s
    timeout client 600s
    timeout server 600s
listen relay
    bind 127.0.0.1:{port} backlog 4096
    server upstream 127.0.0.1:{upstream}
"""


@dataclass(frozen=True, slots=True)
class Way:
    """A port that leads to the server, and the proxy in between, if any."""

    name: str
    port: int
    pid: int | None = None

    @property
    def cpu_seconds(self) -> float:
        """The CPU time the proxy has used so far; 0 without one."""
        if self.pid is None:
            return 0.0
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    @property
    def rss(self) -> int:
        """The proxy's resident memory in bytes; 0 without one."""
        return 0 if self.pid is None else int(psutil.Process(self.pid).memory_info().rss)

    @property
    def descriptors(self) -> int:
        """How many descriptors the proxy has open; 0 without one."""
        return 0 if self.pid is None else int(psutil.Process(self.pid).num_fds())


@asynccontextmanager
async def open_ways(upstream: int, core: int) -> AsyncIterator[list[Way]]:
    """Start both proxies, each pinned to this core, before the server on this loopback port.

    Both start fresh, so that memory is that of this use alone. While one works, the other sleeps.
    """
    with _haproxy(upstream, core) as haproxy:
        async with FaultProxy() as proxy, ProxyClient(proxy.api) as client:
            for thread in psutil.Process(proxy.pid).threads():
                os.sched_setaffinity(thread.id, {core})
            state = await client.create("benchmark", "127.0.0.1:0", f"127.0.0.1:{upstream}")
            ours = Way(OURS, int(state.listen.rpartition(":")[2]), proxy.pid)
            yield [Way(DIRECT, upstream), haproxy, ours]


@contextmanager
def _haproxy(upstream: int, core: int) -> Iterator[Way]:
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "haproxy.cfg"
        config.write_text(_CONFIG.format(port=port, upstream=upstream))
        with running([find_tool("haproxy"), "-db", "-q", "-f", str(config)], core) as process:
            await_listening(process, port)
            yield Way(HAPROXY, port, process.pid)


def in_turn(ways: list[Way], number: int) -> list[Way]:
    """The ways in the order of round ``number``: each comes first in its turn, so that none always follows the same."""
    start = number % len(ways)
    return ways[start:] + ways[:start]
