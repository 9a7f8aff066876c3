"""The fault proxy dies with who started it, frees its port, and says in one line what it cannot do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import anyio
import psutil
import pytest

from chaos.proxy.client import ProxyClient, ProxyError, ProxyGoneError, ToxicSpec
from chaos.proxy.process import FaultProxy


def test_the_client_does_it_all() -> None:
    async def main() -> None:
        async with FaultProxy(3) as proxy, ProxyClient(proxy.api) as client:
            assert await client.version() == "2.9.0"
            made = await client.create("one", "127.0.0.1:0", "127.0.0.1:9")
            assert made.enabled
            assert not made.listen.endswith(":0")
            toxic = ToxicSpec("slow", "latency", "upstream", 0.5, {"latency": 5}, "new")
            await client.add_toxic("one", toxic)
            [found] = (await client.proxies())["one"].toxics
            assert (found.name, found.stream, found.toxicity, found.connections) == (
                "slow",
                "upstream",
                0.5,
                "new",
            )
            await client.remove_toxic("one", "slow")
            await client.remove_toxic("one", "slow")
            await client.set_enabled("one", False)
            assert not (await client.proxies())["one"].enabled
            with pytest.raises(ProxyError, match="already exists"):
                await client.create("one", "127.0.0.1:0", "127.0.0.1:9")
            with pytest.raises(ProxyError, match="proxy not found"):
                await client.set_enabled("two", True)
            await client.delete("one")
            await client.delete("one")
            assert await client.proxies() == {}
            pid, api = proxy.pid, proxy.api
        assert not psutil.pid_exists(pid)
        async with ProxyClient(api) as client:
            with pytest.raises(ProxyGoneError, match="cannot be reached"):
                await client.proxies()

    anyio.run(main)


def test_it_dies_with_its_parent() -> None:
    code = (
        "import anyio, os\nfrom chaos.proxy.process import FaultProxy\n"
        "async def main():\n async with FaultProxy() as proxy:\n"
        "  print(proxy.pid, proxy.api, flush=True); await anyio.sleep(60)\nanyio.run(main)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid, api = parent.stdout.readline().split()
        parent.kill()
        deadline = time.monotonic() + 5
        while psutil.pid_exists(int(pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not psutil.pid_exists(int(pid))
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", int(api.split(":")[1])))
    finally:
        parent.kill()
        parent.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_alone_it_ends_in_order(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "chaos.proxy", "--api", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["ready"] is True
        os.kill(process.pid, number)
        _, error = process.communicate(timeout=10)
        assert (process.returncode, error) == (0, "")
    finally:
        process.kill()
        process.communicate()


def refused(*options: str) -> str:
    command = [sys.executable, "-m", "chaos.proxy", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (1, "")
    return str(json.loads(ended.stdout)["error"])


def test_mistakes_are_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "choose another with --api" in refused("--api", f"127.0.0.1:{port}")
    assert "host:port" in refused("--api", "nonsense")
    assert "chaos proxy --help" in refused("--sed", "1")
