"""The defects of serving many at once, each by itself: what goes wrong, and that without it nothing does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import httptools
import pytest

from chaos.embedded.defects import Defect
from chaos.embedded.dispatch import Dispatcher
from chaos.embedded.exchange import Exchange
from chaos.embedded.http import THREADS, Connection, ParkedConnection


@dataclass(eq=False)
class Request:
    model: str
    number: int


def _served(workers: int, requests: int, *defects: Defect) -> list[int]:
    """The numbers of the requests, in the order they are given to workers that never end."""
    dispatcher: Dispatcher[Request] = Dispatcher(frozenset(defects))
    dispatcher.set_model("m", workers=workers, limit=100)
    for number in range(requests):
        dispatcher.submit(Request("m", number))
    for replica in range(workers):
        dispatcher.add_replica(replica, "m")
        dispatcher.connected(replica)
    given: list[int] = []
    while (assignment := dispatcher.next()) is not None:
        given += [request.number for request in assignment[0]]
    return given


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_last_worker_is_idle_unless_it_is_the_only_one(workers: int) -> None:
    assert _served(workers, 9) == list(range(workers))
    assert len(_served(workers, 9, Defect.LAST_WORKER_IDLE)) == max(workers - 1, 1)


def test_the_newest_is_first() -> None:
    assert _served(3, 9, Defect.NEWEST_FIRST) == [8, 7, 6]


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Never full."""

    def close(self) -> None:
        """Nothing to close."""


def _connections(kind: type[Connection], count: int) -> Iterator[tuple[Connection, _Transport]]:
    there: set[Connection] = set()

    def answer(exchange: Exchange) -> None:
        exchange.respond(200, b"{}")

    for _ in range(count):
        connection, transport = kind(answer, 1024, there), _Transport()
        connection.connection_made(transport)
        connection.data_received(b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n")
        yield connection, transport


def _answered(data: bytes) -> bool:
    class Reader:
        status = 0

        def on_message_complete(self) -> None:
            self.status = parser.get_status_code()

    reader = Reader()
    parser = httptools.HttpResponseParser(reader)
    parser.feed_data(data)
    return reader.status == 200


def test_connections_beyond_the_threads_wait_until_one_hangs_up() -> None:
    assert all(_answered(transport.written) for _, transport in _connections(Connection, THREADS + 3))

    made = list(_connections(ParkedConnection, THREADS + 3))
    said = [_answered(transport.written) for _, transport in made]
    assert said == [True] * THREADS + [False] * 3
    made[-1][0].connection_lost(None)
    assert not _answered(made[THREADS][1].written), "one that waited has gone: that makes no room"
    made[0][0].connection_lost(None)
    assert _answered(made[THREADS][1].written)
    assert not _answered(made[THREADS + 1][1].written)
    for connection, _ in made[1:-1]:
        connection.connection_lost(None)
    assert not ParkedConnection._parked
