"""Requests really start at once, as seen by the client and by the server, and each is told apart by how it ended."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import socket
import ssl
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import pytest

from chaos.faults.base import FaultError
from chaos.faults.race import Attempt, Entry, Loss, race
from chaos.targets.processes import free_port
from chaos.traffic.spec import HttpRequest
from tests.faults.control_plane import ControlPlane, control_plane

pytestmark = pytest.mark.anyio

TRIES = 5
"""Of what the noise of the machine may spoil once."""


@pytest.fixture(scope="module")
def server() -> Iterator[ControlPlane]:
    with control_plane() as plane:
        yield plane


def entries(request: HttpRequest, count: int, loss: Loss = "") -> list[Entry]:
    return [Entry(request, loss)] * count


async def smallest(attempt: Callable[[], Awaitable[float]], enough: float) -> float:
    """Of a few measurements; one below ``enough`` will do."""
    measured: list[float] = []
    while len(measured) < TRIES and min(measured, default=enough) >= enough:
        measured.append(await attempt())
    return min(measured)


async def test_sixty_four_start_within_a_millisecond(server: ControlPlane) -> None:
    async def once() -> float:
        attempts = await race(entries(server.say("plain"), 64), 10.0)

        assert sorted(attempt.index for attempt in attempts) == list(range(64))
        assert {(attempt.outcome, attempt.status, attempt.body) for attempt in attempts} == {
            ("ok", 200, b"ok")
        }
        starts = [attempt.start for attempt in attempts]
        (spread,) = {attempt.spread for attempt in attempts}
        assert max(starts) - min(starts) <= spread
        whole = [entry["at"] for entry in server.requests()[-64:]]
        assert min(whole) >= min(starts), "the server had a request before its last byte was sent"
        return spread

    assert await smallest(once, 0.001) < 0.001


async def test_they_arrive_closer_together_than_from_a_loop(server: ControlPlane) -> None:
    count = 32

    def arrivals() -> float:
        whole = [entry["at"] for entry in server.requests()[-count:]]
        return float(max(whole) - min(whole))

    async def barrier() -> float:
        await race(entries(server.say("plain"), count), 10.0)
        return arrivals()

    async def loop() -> float:
        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(race, entries(server.say("plain"), 1), 10.0)
        return arrivals()

    plain = await smallest(loop, 0.0)
    assert await smallest(barrier, plain) < plain


async def test_a_thread_that_computes_does_not_come_between(
    server: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = False

    def refuse(*_: object) -> None:
        raise PermissionError

    # as for most users: who may go before all other threads meets this one less often
    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)

    def compute() -> None:
        while not done:
            pass

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        spreads = [(await race(entries(server.say("plain"), 32), 10.0))[0].spread for _ in range(TRIES)]
        # to give the interpreter's lock away but once takes this long
        assert median(spreads) < sys.getswitchinterval()
    finally:
        done = True
        thread.join()


async def test_the_process_is_left_as_it_was(server: ControlPlane) -> None:
    before = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None
    assert before is None or before != os.SCHED_FIFO
    for collecting in (False, True):
        (gc.enable if collecting else gc.disable)()
        await race(entries(server.say("plain"), 2), 10.0)
        assert gc.isenabled() is collecting
    assert before is None or os.sched_getscheduler(0) == before


@pytest.mark.parametrize(
    ("what", "outcome", "status", "body"),
    [
        ("plain", "ok", 200, b"ok"),
        ("chunked", "ok", 200, b"ok"),
        ("interim", "ok", 202, b"ok"),
        ("closes", "ok", 200, b"ok"),
        ("empty", "ok", 204, b""),
        ("refused", "fail", 409, b"busy"),
        ("failed", "fail", 500, b""),
        ("huge", "ok", 200, b"x" * 65536),
        ("half", "info", 0, b"half"),
        ("nothing", "info", 0, b""),
        ("nonsense", "info", 0, b""),
    ],
)
async def test_how_they_end(server: ControlPlane, what: str, outcome: str, status: int, body: bytes) -> None:
    for attempt in await race(entries(server.say(what, "POST", b"{}" if what == "plain" else b""), 3), 10.0):
        assert (attempt.outcome, attempt.status, attempt.body) == (outcome, status, body)
        assert not attempt.never_sent
        assert ("cut" in attempt.detail) is (outcome == "info")
        assert attempt.start <= attempt.end


async def test_no_answer_in_time_is_unknown(server: ControlPlane) -> None:
    attempts = await race([Entry(server.say("never")), Entry(server.say("plain"))], 0.3)

    assert [(attempt.index, attempt.outcome) for attempt in attempts] == [(1, "ok"), (0, "info")]
    assert "in time" in attempts[1].detail
    assert attempts[1].end - attempts[1].start >= 0.3


@pytest.mark.parametrize("loss", ["answered", "early"])
async def test_a_lost_answer_is_asked_for_again(loss: Loss) -> None:
    with control_plane() as server:
        url = f"http://127.0.0.1:{server.port}/models/victim?min_worker="
        kept, losing = HttpRequest(url + "2", "PUT"), HttpRequest(url + "3", "PUT")
        attempts = await race([Entry(kept), Entry(losing, loss)], 10.0)
        seen = [entry for entry in server.requests() if entry["path"].endswith("=3")]

    assert [
        (one.index, one.again, one.lost, one.outcome) for one in sorted(attempts, key=lambda one: one.start)
    ] == [
        (0, False, False, "ok"),
        (1, False, True, "info"),
        (1, True, False, "ok"),
    ]
    lost, again = (
        next(one for one in attempts if one.index == 1 and one.again is which) for which in (False, True)
    )
    assert (lost.status, lost.body) == (0, b""), "what was in the answer is nobody's to know"
    assert again.start >= lost.end
    assert len(seen) == 2
    # whether the server had done it, and answered into the void, or had yet to find out that nobody waits
    assert [entry["gone"] for entry in seen] == [loss == "early", False]


async def test_a_lost_answer_that_nobody_asks_for_again() -> None:
    with control_plane() as server:
        url = f"http://127.0.0.1:{server.port}/models/victim?min_worker=3"
        (attempt,) = await race([Entry(HttpRequest(url, "PUT"), "early", again=False)], 10.0)

        assert (attempt.lost, attempt.again, attempt.outcome) == (True, False, "info")


async def test_an_answer_that_is_lost_but_never_comes(server: ControlPlane) -> None:
    attempts = await race(entries(server.say("never"), 1, "answered"), 0.3)

    assert [(one.again, one.outcome) for one in attempts] == [(False, "info"), (True, "fail")]
    assert attempts[1].never_sent, "the time for all of it was over"


async def test_nobody_there() -> None:
    request = HttpRequest(f"http://127.0.0.1:{free_port()}/", "PUT")
    with pytest.raises(FaultError, match=r"refused.*running there"):
        await race(entries(request, 3), 1.0)


async def test_a_request_that_cannot_be_sent() -> None:
    with pytest.raises(FaultError, match="cannot be sent"):
        await race(entries(HttpRequest("gopher://127.0.0.1/", "PUT"), 2), 1.0)


@asynccontextmanager
async def listening(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], tls: Any = None
) -> Any:
    """A server in this loop; where it listens."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def test_one_whose_connection_is_closed_before_the_last_byte_was_never_sent() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        # closed with a reset, as by a server that has had enough
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.close()

    async with listening(hang_up) as port:
        attempts = await race(entries(HttpRequest(f"http://127.0.0.1:{port}/", "PUT"), 2), 1.0)

    assert all(attempt.never_sent for attempt in attempts)
    assert "before the request was whole" in attempts[0].detail


async def test_what_is_in_flight_when_it_is_cancelled_is_told(server: ControlPlane) -> None:
    told: list[Attempt] = []
    with anyio.move_on_after(0.4) as scope:
        await race(entries(server.say("never"), 3), 30.0, told.append)

    assert scope.cancelled_caught
    assert [(attempt.outcome, attempt.detail) for attempt in told] == [("info", "cut short")] * 3


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
async def test_over_tls(tmp_path: Path) -> None:
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    make = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    await anyio.run_process(["openssl", *make.split(), "-keyout", key, "-out", certificate])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    whole: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}!")
        whole.append(time.monotonic())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    async with listening(serve, context) as port:
        url = f"https://127.0.0.1:{port}/"
        attempts = await race(entries(HttpRequest(url, "PUT", body=b"{}!", verify_tls=False), 8), 5.0)
        with pytest.raises(FaultError, match="certificate"):
            await race(entries(HttpRequest(url, "PUT", body=b"{}!"), 2), 5.0)

    assert [(attempt.outcome, attempt.body) for attempt in attempts] == [("ok", b"ok")] * 8
    assert len(whole) == 8
    assert min(whole) >= min(attempt.start for attempt in attempts)
