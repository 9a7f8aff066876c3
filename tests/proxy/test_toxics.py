"""What each toxic does to a connection, measured; times against those of the same link without it."""

from __future__ import annotations

import socket
import statistics
import struct
import time
from collections.abc import Callable
from contextlib import closing, suppress

import pytest

from tests.proxy.conftest import Link, Served, Server

MakeServer = Callable[[Callable[[socket.socket], None]], Server]


def exactly(client: socket.socket, count: int) -> bytes:
    """So many bytes, or fewer if the stream ends."""
    data = b""
    while len(data) < count and (piece := client.recv(count - len(data))):
        data += piece
    return data


def round_trip(client: socket.socket, size: int = 32) -> float:
    """Seconds."""
    start = time.perf_counter()
    client.sendall(b"x" * size)
    assert len(exactly(client, size)) == size
    return time.perf_counter() - start


def median(link: Link, trips: int = 9) -> float:
    """The median round trip on one connection."""
    with closing(link.connect()) as client:
        round_trip(client)
        return statistics.median(round_trip(client) for _ in range(trips))


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_latency(served: Served, stream: str) -> None:
    link = served.create()
    before = median(link)
    link.toxic("latency", stream, attributes={"latency": 60})
    assert median(link) - before == pytest.approx(0.060, rel=0.1, abs=0.002)


def test_latency_in_both_directions_adds_up(served: Served) -> None:
    link = served.create()
    before = median(link)
    link.toxic("latency", "upstream", attributes={"latency": 20})
    link.toxic("latency", "downstream", attributes={"latency": 30})
    assert median(link) - before == pytest.approx(0.050, rel=0.1, abs=0.002)


def test_jitter_spreads_and_keeps_the_order(served: Served) -> None:
    link = served.create()
    link.toxic("latency", attributes={"latency": 30, "jitter": 25})
    with closing(link.connect()) as client:
        trips = [round_trip(client) for _ in range(20)]
        assert max(trips) - min(trips) > 0.010
        for index in range(50):
            client.sendall(bytes([index]))
            time.sleep(0.001)
        assert exactly(client, 50) == bytes(range(50))


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_bandwidth(served: Served, stream: str) -> None:
    link = served.create()
    link.toxic("bandwidth", stream, attributes={"rate": 500})
    with closing(link.connect()) as client:
        start = time.perf_counter()
        client.sendall(bytes(400_000))
        assert len(exactly(client, 400_000)) == 400_000
        rate = 400_000 / (time.perf_counter() - start)
    assert rate == pytest.approx(500_000, rel=0.1)


def test_slicer(served: Served) -> None:
    link = served.create()
    link.toxic("slicer", attributes={"average_size": 100, "size_variation": 0, "delay": 20_000})
    with closing(link.connect()) as client:
        client.sendall(bytes(500))
        start = time.perf_counter()
        pieces: list[int] = []
        while sum(pieces) < 500:
            pieces.append(len(client.recv(65536)))
        took = time.perf_counter() - start
    assert pieces == [100] * 5
    assert took >= 0.9 * 4 * 0.020


@pytest.mark.parametrize("limit", [1, 1000, 300_000])
def test_limit_data_to_the_byte(served: Served, limit: int) -> None:
    link = served.create()
    link.toxic("limit_data", attributes={"bytes": limit})
    with closing(link.connect()) as client:
        with suppress(OSError):  # the rest may be refused
            client.sendall(bytes(limit + 1000))
        assert len(exactly(client, limit + 1000)) == limit


def test_slow_close(served: Served, make_server: MakeServer) -> None:
    link = served.create(make_server(lambda connection: connection.sendall(b"bye")).address)

    def closing_time() -> float:
        with closing(link.connect()) as client:
            assert exactly(client, 3) == b"bye"
            start = time.perf_counter()
            assert client.recv(1) == b""
            return time.perf_counter() - start

    before = closing_time()
    link.toxic("slow_close", attributes={"delay": 200})
    assert closing_time() - before == pytest.approx(0.200, rel=0.1)


def test_timeout_ends_the_stream(served: Served) -> None:
    link = served.create()
    link.toxic("timeout", attributes={"timeout": 150})
    with closing(link.connect()) as client:
        start = time.perf_counter()
        client.sendall(b"lost")
        assert client.recv(1) == b""
        assert time.perf_counter() - start == pytest.approx(0.150, rel=0.25)


def test_half_open_is_a_time_out_until_it_is_taken_away(served: Served) -> None:
    link = served.create()
    with closing(link.connect(seconds=0.4)) as client:
        round_trip(client)
        toxic = link.toxic("timeout", attributes={"timeout": 0})
        client.sendall(b"lost")
        with pytest.raises(TimeoutError):
            client.recv(1)
        link.remove(toxic)  # bytes are missing, so the connection cannot go on
        assert client.recv(1) == b""
    assert median(link, 1) < 1.0


def test_reset_peer(served: Served) -> None:
    link = served.create()
    link.toxic("reset_peer", attributes={"timeout": 0})
    with closing(link.connect()) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_down_refuses_and_cuts(served: Served) -> None:
    link = served.create()
    with closing(link.connect()) as client:
        round_trip(client)
        served.call("POST", f"/proxies/{link.name}", {"enabled": False})
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        link.connect()
    served.call("POST", f"/proxies/{link.name}", {"enabled": True})
    assert median(link, 1) < 1.0


def test_a_peers_reset_is_passed_on(served: Served, make_server: MakeServer) -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    link = served.create(make_server(reset).address)
    with closing(link.connect()) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_half_close_is_passed_on(served: Served, make_server: MakeServer) -> None:
    def count(connection: socket.socket) -> None:
        total = 0
        while data := connection.recv(65536):
            total += len(data)
        connection.sendall(str(total).encode())

    link = served.create(make_server(count).address)
    with closing(link.connect()) as client:
        client.sendall(bytes(100_000))
        client.shutdown(socket.SHUT_WR)
        assert exactly(client, 100) == b"100000"


def slow_ones(link: Link, clients: int) -> list[bool]:
    """Which of so many connections, one after the other, are hit by a latency of 80 ms."""
    found = []
    for _ in range(clients):
        with closing(link.connect()) as client:
            found.append(round_trip(client) > 0.040)
    return found


def test_toxicity_follows_from_the_seed(served: Served) -> None:
    def drawn(name: str) -> list[bool]:
        link = served.create(name=name)
        link.toxic("latency", name="half", toxicity=0.5, attributes={"latency": 80})
        found = slow_ones(link, 24)
        served.call("DELETE", f"/proxies/{name}")
        return found

    first, again, other = drawn("drawn"), drawn("drawn"), drawn("otherwise")
    assert first == again
    assert first != other
    assert 4 <= sum(first) <= 20


@pytest.mark.parametrize(
    ("connections", "hit"), [("all", (True, True)), ("new", (False, True)), ("live", (True, False))]
)
def test_new_and_live_connections(served: Served, connections: str, hit: tuple[bool, bool]) -> None:
    link = served.create()
    with closing(link.connect()) as live:
        round_trip(live)
        link.toxic("latency", connections=connections, attributes={"latency": 80})
        with closing(link.connect()) as new:
            assert (round_trip(live) > 0.040, round_trip(new) > 0.040) == hit


def test_a_toxic_is_changed_on_a_live_connection(served: Served) -> None:
    link = served.create()
    toxic = link.toxic("latency", attributes={"latency": 100})
    with closing(link.connect()) as client:
        slow = round_trip(client)
        served.call("POST", f"/proxies/{link.name}/toxics/{toxic}", {"attributes": {"latency": 20}})
        quicker = round_trip(client)
        link.remove(toxic)
        quick = round_trip(client)
    assert slow > 0.09 > quicker > 0.018 > quick
