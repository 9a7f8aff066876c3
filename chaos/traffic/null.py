"""The null probe: requests to an echo socket in the worker's own event loop, which cannot be slow or wrong.

Its latency is what the harness itself adds, and so the noise below which nothing can be judged. Its
arrivals are Poisson, so that they see the loop as it is on average and never march in step with a stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from chaos.traffic.spec import NONCE, Arrivals, HttpRequest, Stream
from chaos.traffic.template import NONCE_DIGITS

__all__ = ["NULL", "echo_server", "null_stream"]

NULL = "null"

_HEADER = "X-Nonce"
_MARK = f"\r\n{_HEADER}: ".encode()
_ANSWER = f"HTTP/1.1 200 OK\r\nContent-Length: {NONCE_DIGITS}\r\n\r\n".encode()
_MOST = 4096


def null_stream(port: int, rate: float, seed: int) -> Stream:
    """The stream that asks the echo socket on this port of the loopback, ``rate`` times a second."""
    request = HttpRequest(f"http://127.0.0.1:{port}/", method="GET", headers=((_HEADER, NONCE),))
    return Stream(NULL, request, Arrivals("poisson", rate=rate), timeout=5.0, seed=seed, max_connections=16)


@asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    """Answer each request with the nonce in its header, on a free port of the loopback, which is yielded."""
    loop = asyncio.get_running_loop()
    connections: set[_Echo] = set()
    server = await loop.create_server(lambda: _Echo(connections), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in connections:
            connection.transport.abort()


class _Echo(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, connections: set[_Echo]) -> None:
        self._connections = connections
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        data = self._pending + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            start = data.find(_MARK, 0, end)
            if start < 0:
                self.transport.abort()  # a stranger: only our own probe knows what to send
                return
            start += len(_MARK)
            self.transport.write(_ANSWER + data[start : start + NONCE_DIGITS])
            data = data[end + 4 :]
        self._pending = data
        if len(data) > _MOST:
            self.transport.abort()
