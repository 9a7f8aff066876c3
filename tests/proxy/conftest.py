"""The fault proxy as its own process, with plain threaded servers behind it."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

__all__ = ["Served", "Server"]


class Server:
    """A TCP server on loopback; ``handle`` gets each connection in a thread of its own."""

    def __init__(self, handle: Callable[[socket.socket], None]) -> None:
        self._handle = handle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), closing(connection):
            self._handle(connection)

    def close(self) -> None:
        """Stop, and close all connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for connection in self._open:
            connection.close()


def echo(connection: socket.socket) -> None:
    """Send back what comes, until its end, and then end."""
    while data := connection.recv(65536):
        connection.sendall(data)


@dataclass
class Served:
    """A running fault proxy."""

    api: str
    process: subprocess.Popen[str]
    upstream: str
    _names: int = field(default=0)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API; its JSON, None if it has none."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.api}{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None

    def create(self, upstream: str = "", name: str = "") -> Link:
        """A proxy in front of an address, by default the echo server."""
        self._names += 1
        body = {
            "name": name or f"p{self._names}",
            "listen": "127.0.0.1:0",
            "upstream": upstream or self.upstream,
        }
        made = self.call("POST", "/proxies", body)
        return Link(self, made["name"], made["listen"])


@dataclass
class Link:
    """A proxy, and clients through it."""

    served: Served
    name: str
    listen: str

    def toxic(self, kind: str, stream: str = "downstream", **more: Any) -> str:
        """Add a toxic; its name."""
        body = {"type": kind, "stream": stream, **more}
        return str(self.served.call("POST", f"/proxies/{self.name}/toxics", body)["name"])

    def remove(self, toxic: str) -> None:
        """Take a toxic away."""
        self.served.call("DELETE", f"/proxies/{self.name}/toxics/{toxic}")

    def connect(self, seconds: float = 10.0) -> socket.socket:
        """A client through it."""
        host, port = self.listen.split(":")
        client = socket.create_connection((host, int(port)), timeout=seconds)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """An echo server."""
    running = Server(echo)
    yield running
    running.close()


@pytest.fixture
def make_server() -> Iterator[Callable[[Callable[[socket.socket], None]], Server]]:
    """Makes servers that are closed at the end."""
    made: list[Server] = []

    def make(handle: Callable[[socket.socket], None]) -> Server:
        made.append(Server(handle))
        return made[-1]

    yield make
    for running in made:
        running.close()


def start(*options: str) -> subprocess.Popen[str]:
    """A fault proxy that dies with the tests."""
    command = [sys.executable, "-m", "chaos.proxy", "--api", "127.0.0.1:0", "--lifeline", *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="session")
def served(server: Server) -> Iterator[Served]:
    """A fault proxy with seed 7 for all tests of the room; each makes proxies of its own."""
    process = start("--seed", "7")
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 30)[0]
        yield Served(json.loads(process.stdout.readline())["api"], process, server.address)
    finally:
        process.kill()
        process.communicate()
