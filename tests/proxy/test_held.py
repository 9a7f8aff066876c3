"""Toxics that come, change and go while data wait; and what must not be told, or must be closed, at both ends."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any

import psutil
import pytest
import uvloop

from chaos.proxy.link import Link as Proxy
from tests.proxy.conftest import Link, Served, Server
from tests.proxy.test_toxics import exactly

MakeServer = Callable[[Callable[[socket.socket], None]], Server]


def change(link: Link, toxic: str, **document: Any) -> None:
    link.served.call("PATCH", f"/proxies/{link.name}/toxics/{toxic}", document)


def test_a_higher_rate_counts_for_what_waits(served: Served) -> None:
    link = served.create()
    toxic = link.toxic("bandwidth", attributes={"rate": 5})
    with closing(link.connect(seconds=3)) as client:
        client.sendall(bytes(30_000))  # six seconds' worth
        exactly(client, 100)
        change(link, toxic, attributes={"rate": 10_000})
        start = time.perf_counter()
        assert len(exactly(client, 29_900)) == 29_900
        assert time.perf_counter() - start < 1.5


def test_what_waits_is_let_go_though_another_toxic_stays(served: Served) -> None:
    link = served.create()
    toxic = link.toxic("latency", attributes={"latency": 60_000})
    link.toxic("slow_close", attributes={"delay": 1})
    with closing(link.connect(seconds=3)) as client:
        client.sendall(b"held")
        time.sleep(0.1)
        link.remove(toxic)
        assert exactly(client, 4) == b"held"


def test_a_rate_of_nothing_lets_nothing_pass(served: Served) -> None:
    link = served.create()
    toxic = link.toxic("bandwidth", attributes={"rate": 0})
    with closing(link.connect(seconds=0.3)) as client:
        client.sendall(b"held")
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(3)
        link.remove(toxic)
        assert exactly(client, 4) == b"held"


def test_a_long_link_is_not_a_narrow_one(served: Served) -> None:
    link = served.create()
    link.toxic("latency", attributes={"latency": 100})
    link.toxic("bandwidth", attributes={"rate": 5_000})
    with closing(link.connect()) as client:
        sender = threading.Thread(target=client.sendall, args=(bytes(2_500_000),))
        start = time.perf_counter()
        sender.start()
        assert len(exactly(client, 2_500_000)) == 2_500_000
        took = time.perf_counter() - start
        sender.join(5)
    assert took == pytest.approx(0.5 + 0.1, rel=0.15)


@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_half_open_link_does_not_tell_that_the_peer_has_gone(
    served: Served, make_server: MakeServer, how: str
) -> None:
    def leave(connection: socket.socket) -> None:
        connection.recv(1)
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    link = served.create(make_server(leave).address)
    with closing(link.connect(seconds=0.4)) as client:
        toxic = link.toxic("timeout", attributes={"timeout": 0})
        client.sendall(b"x")
        with pytest.raises(TimeoutError):
            client.recv(1)
        link.remove(toxic)
        assert client.recv(1) == b""


@pytest.mark.parametrize(
    ("kind", "attributes"), [("timeout", {"timeout": 100}), ("limit_data", {"bytes": 2})]
)
@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_both_ends_are_closed(
    served: Served, make_server: MakeServer, kind: str, attributes: dict[str, int], stream: str
) -> None:
    ended, done = threading.Event(), threading.Event()

    def stay(connection: socket.socket) -> None:
        connection.settimeout(5)
        connection.sendall(b"hello")
        with suppress(ConnectionError):
            while connection.recv(100):
                pass
        ended.set()
        done.wait(5)  # a server that does not mind half a connection

    link = served.create(make_server(stay).address)
    link.toxic(kind, stream, attributes=attributes)
    with closing(link.connect(seconds=2)) as client:
        client.sendall(b"hello")
        with suppress(ConnectionError):
            while client.recv(100):
                pass
        told = ended.wait(2)
    done.set()
    assert told


def test_what_came_before_the_limit_arrives_though_the_client_goes_on_sending(
    served: Served, make_server: MakeServer
) -> None:
    def pour(connection: socket.socket) -> None:
        connection.sendall(bytes(3_000_000))
        connection.recv(1)
        done.wait(5)

    done = threading.Event()
    link = served.create(make_server(pour).address)
    link.toxic("limit_data", attributes={"bytes": 2_000_000})
    with closing(link.connect()) as client:
        received = 0
        while piece := client.recv(50_000):
            received += len(piece)
            client.sendall(b"more")
            time.sleep(0.002)
    done.set()
    assert received == 2_000_000


def test_pieces_of_a_byte_cost_a_bounded_amount(served: Served) -> None:
    link = served.create()
    link.toxic("slicer", "upstream", attributes={"average_size": 1, "delay": 50_000})
    process = psutil.Process(served.process.pid)
    clients = [link.connect() for _ in range(10)]
    try:
        before = process.memory_info().rss
        for client in clients:
            client.settimeout(0.2)
            with suppress(TimeoutError):
                client.sendall(bytes(4 << 20))
        time.sleep(0.5)
        grown = process.memory_info().rss - before
        assert grown < 10 * (10 << 20)
    finally:
        for client in clients:
            client.close()
        served.call("DELETE", f"/proxies/{link.name}")


@pytest.fixture
def link(served: Served) -> Iterator[Link]:
    """A proxy in front of the echo server."""
    made = served.create()
    yield made
    served.call("DELETE", f"/proxies/{made.name}")


@pytest.mark.parametrize(
    "document",
    [
        {"type": "latency", "attributes": {"latncy": 100}},
        {"type": "latency", "attributes": {"latency": 10**30}},
        {"type": "latency", "attributes": {"latency": 1.5}},
        {"type": "slicer", "attributes": {"average_size": 5, "size_variation": 5}},
    ],
)
def test_an_attribute_that_cannot_be_meant(link: Link, document: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400") as caught:
        link.served.call("POST", f"/proxies/{link.name}/toxics", document)
    with closing(caught.value) as error:
        assert b"bad request body: " in error.read()
    assert link.served.call("GET", f"/proxies/{link.name}/toxics") == []


def test_a_proxy_that_is_down_stays_down_when_it_is_moved(link: Link, server: Server) -> None:
    link.served.call("POST", f"/proxies/{link.name}", {"enabled": False})
    upstream = server.address.replace("127.0.0.1", "localhost")
    moved = link.served.call("POST", f"/proxies/{link.name}", {"upstream": upstream})
    assert not moved["enabled"]
    with pytest.raises(ConnectionRefusedError):
        link.connect()


def test_enabled_is_yes_or_no(link: Link) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400") as caught:
        link.served.call("POST", f"/proxies/{link.name}", {"enabled": "no"})
    caught.value.close()
    assert link.served.call("GET", f"/proxies/{link.name}")["enabled"]


def test_every_address_of_a_name_is_tried(server: Server) -> None:
    async def main() -> bytes:
        proxy = Proxy("p", "127.0.0.1:0", server.address, 0)
        proxy.upstream_addresses.insert(0, (socket.AF_INET, ("127.0.0.1", 1)))  # where nobody listens
        proxy.enable()
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(*proxy.listen.split(":"))
                writer.write(b"hello")
                received = await reader.readexactly(5)
                writer.close()
                await writer.wait_closed()
                return received
        finally:
            proxy.disable()

    assert uvloop.run(main()) == b"hello"


def test_after_the_last_toxic_bytes_go_the_straight_way_again(make_server: MakeServer) -> None:
    go_on = threading.Event()

    def answer(connection: socket.socket) -> None:
        while connection.recv(1000):
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe")
            assert go_on.wait(5)
            connection.sendall(b"llo")

    upstream = make_server(answer).address

    async def main() -> None:
        proxy = Proxy("p", "127.0.0.1:0", upstream, 0)
        proxy.enable()
        with ExitStack() as stack:
            stack.callback(proxy.disable)
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(*proxy.listen.split(":"))
                stack.callback(writer.close)
                for kind in ("http_delay", "latency"):
                    go_on.clear()
                    proxy.add({"type": kind, "name": "t"})
                    writer.write(b"GET / HTTP/1.1\r\n\r\n")
                    await reader.readuntil(b"he")
                    [flows] = [connection._flows.values() for connection in proxy._connections]
                    assert any(flow._stages for flow in flows)
                    proxy.remove("t")
                    go_on.set()
                    await reader.readuntil(b"llo")
                    await asyncio.sleep(0.1)
                    assert not any(flow._stages for flow in flows)

    uvloop.run(main())


def test_a_page_in_a_browser_cannot_drive_it(served: Served) -> None:
    request = urllib.request.Request(f"http://{served.api}/proxies", headers={"User-Agent": "Mozilla/5.0"})
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        urllib.request.urlopen(request, timeout=5)  # noqa: S310
    caught.value.close()
