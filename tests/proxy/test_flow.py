"""No byte is lost, doubled or reordered, whatever toxics come and go; and a stalled reader costs a bounded amount."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing

import psutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.proxy.conftest import Served, Server

TOXICS = st.sampled_from(
    [
        ("latency", {"latency": 3, "jitter": 3}),
        ("latency", {"latency": 1}),
        ("slicer", {"average_size": 3000, "size_variation": 500, "delay": 10}),
        ("bandwidth", {"rate": 20_000}),
        ("slow_close", {"delay": 5}),
    ]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 120_000), min_size=1, max_size=6),
    switches=st.lists(st.tuples(TOXICS, st.sampled_from(["upstream", "downstream"])), max_size=4),
    slow=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_every_byte_in_order(
    served: Served,
    sizes: list[int],
    switches: list[tuple[tuple[str, dict[str, int]], str]],
    slow: bool,
    seed: int,
) -> None:
    link = served.create()
    data = random.Random(seed).randbytes(sum(sizes))
    received = bytearray()

    def read(client: socket.socket) -> None:
        while piece := client.recv(2048 if slow else 65536):
            received.extend(piece)

    with closing(link.connect()) as client:
        reader = threading.Thread(target=read, args=(client,))
        reader.start()
        place, names = 0, []
        for index, size in enumerate(sizes):
            client.sendall(data[place : place + size])
            place += size
            if index < len(switches):
                (kind, attributes), stream = switches[index]
                names.append(link.toxic(kind, stream, name=f"t{index}", attributes=attributes))
            elif names:
                link.remove(names.pop())
        client.shutdown(socket.SHUT_WR)
        reader.join(20)
        assert not reader.is_alive()
    assert received == data
    served.call("DELETE", f"/proxies/{link.name}")


def test_a_stalled_reader_costs_a_bounded_amount(
    served: Served, make_server: Callable[[Callable[[socket.socket], None]], Server]
) -> None:
    sent = [0]

    def pour(connection: socket.socket) -> None:
        connection.settimeout(1.0)
        block = bytes(1 << 20)
        for _ in range(256):
            sent[0] += connection.send(block)

    link = served.create(make_server(pour).address)
    process = psutil.Process(served.process.pid)
    with closing(link.connect()):
        before = process.memory_info().rss
        time.sleep(1.0)
        grown = process.memory_info().rss - before
    assert sent[0] > 0
    assert grown < 8 << 20
    assert sent[0] < 64 << 20, "back-pressure reaches the sender"


def test_a_closed_connection_leaves_nothing(served: Served) -> None:
    link = served.create()
    process = psutil.Process(served.process.pid)

    def churn() -> None:
        for _ in range(100):
            with closing(link.connect()) as client:
                client.sendall(b"x")
                assert client.recv(1) == b"x"

    churn()
    time.sleep(0.2)
    before = process.num_fds()
    churn()
    time.sleep(0.2)
    assert process.num_fds() <= before + 4
