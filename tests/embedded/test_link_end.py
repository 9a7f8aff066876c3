"""A replica's end of its link: it says that it lives whatever its handler does, and a silent cut is noticed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chaos.embedded.pulse import BEATS_MISSED
from chaos.embedded.replica_link import ReplicaLink
from chaos.embedded.store import BUILT_IN
from tests.embedded.relay import TOKEN, Owner, Relay, background, replica, together, until

pytestmark = pytest.mark.anyio

BEAT_SECONDS = 0.2
"""Faster than a platform's, so that these tests are."""

LONG = 2.0 * BEAT_SECONDS * BEATS_MISSED
"""A link that is silent for so long is given up."""


class Rig:
    """A link to a replica through a relay, beating."""

    def __init__(self, owner: Owner, link: ReplicaLink, relay: Relay, pid: int, package: str) -> None:
        self.owner, self.link, self.relay, self.pid, self._package = owner, link, relay, pid, package

    def ask(self, *pieces: bytes, **fields: Any) -> None:
        body = list(pieces) or [json.dumps(fields).encode()]
        header = {"protocol": "torchserve", "package": str(BUILT_IN / self._package)}
        words = {"model": "m", "version": "1.0", "content_type": "", "accept": ""}
        self.link.send([({**header, **words}, body, sum(map(len, body)))])


@asynccontextmanager
async def rig(package: str, crossed: bool = False) -> AsyncIterator[Rig]:
    owner = Owner()
    async with replica(package, crossed) as (_, child), Relay(child.port).running() as relay:
        link = ReplicaLink(owner, child.id, relay.port, TOKEN)

        async def beat() -> None:
            while True:
                await asyncio.sleep(BEAT_SECONDS)
                link.beat()

        async with background(link.keep(), beat()):
            await until(lambda: owner.idles == 1)
            yield Rig(owner, link, relay, child.pid, package)


LONG_MS = LONG * 1000


TAKES_LONG: list[tuple[str, dict[str, Any]]] = [
    ("sleep", {"sleep_ms": LONG_MS}),
    ("burn", {"burn_ms": LONG_MS}),
    ("slow", {"first_ms": LONG_MS, "chunks": 2}),
    ("slow", {"chunks": 2, "every_ms": LONG_MS}),
]


async def test_neither_a_busy_nor_an_idle_replica_loses_its_link() -> None:
    async def check(package: str, fields: dict[str, Any]) -> None:
        async with rig(package) as it:
            it.ask(**fields)
            await until(lambda: it.owner.ends == 1)

            assert (it.owner.ups, it.owner.losses) == (1, 0), package

    async def idle() -> None:
        async with rig("echo") as it:
            await asyncio.sleep(LONG)

            assert (it.owner.ups, it.owner.losses) == (1, 0)

    async def unread() -> None:
        async with rig("huge") as it:
            it.ask(mebibytes=32)
            await until(lambda: it.owner.heads)
            it.link.pause()
            await asyncio.sleep(LONG)
            it.link.resume()
            await until(lambda: it.owner.ends == 1)

            assert it.owner.losses == 0, "an answer that nobody reads is no silence"

    await together(*(check(*each) for each in TAKES_LONG), idle(), unread())


@pytest.mark.parametrize("busy", [False, True])
async def test_a_link_that_swallows_everything_is_noticed_and_made_again(busy: bool) -> None:
    async def check(*swallows: str) -> None:
        async with rig("sleep") as it:
            if busy:
                it.ask(sleep_ms=2 * LONG_MS)
                await asyncio.sleep(0.3)
            start = time.monotonic()
            it.relay.swallows = frozenset(swallows)
            await until(lambda: it.owner.losses == 1)
            noticed = time.monotonic() - start

            assert noticed > BEAT_SECONDS * (BEATS_MISSED - 2), "not because of one lost beat"
            assert noticed < LONG
            it.relay.swallows = frozenset()
            it.relay.cut()
            healed = time.monotonic()
            await until(lambda: it.owner.ups == 2)
            assert time.monotonic() - healed < 1, (
                "also while its handler is busy with the request that was lost"
            )
            if busy:
                assert it.owner.idles == 1
                await until(lambda: it.owner.idles == 2)
                assert it.owner.heads == [], "the answer to what was cut goes nowhere"
            it.ask(sleep_ms=0, n=2)
            await until(lambda: it.owner.ends == 1)
            assert json.loads(it.owner.body)["n"] == 2

    await together(check("up", "down"), check("up"), check("down"))


async def test_a_frame_swallowed_in_its_middle_does_not_hold_the_replica() -> None:
    async def request() -> None:
        async with rig("echo") as it:
            it.relay.swallows = frozenset({"up"})
            it.ask(b'{"a": "', b"x" * 100_000, b'"}')
            await until(lambda: it.owner.losses == 1)
            it.relay.swallows = frozenset()
            await until(lambda: it.owner.idles == 2)
            it.ask(n=3)
            await until(lambda: it.owner.ends == 1)
            assert json.loads(it.owner.body) == {"n": 3}

    async def answer() -> None:
        async with rig("huge") as it:
            it.ask(mebibytes=32)
            await until(lambda: len(it.owner.body) > 1 << 20)
            it.relay.swallows = frozenset({"down"})
            await until(lambda: it.owner.losses == 1)
            it.relay.swallows = frozenset()
            await until(lambda: it.owner.idles == 2)
            it.ask(mebibytes=1)
            await until(lambda: it.owner.ends == 1)
            assert len(it.owner.body) == 1 << 20

    await together(request(), answer())


async def test_a_body_that_comes_slowly_does_not_cost_the_link() -> None:
    async with rig("echo") as it:
        trickle = asyncio.Event()
        copy = it.relay._copy

        async def slowly(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if way == "down":
                await copy(way, reader, writer)
            while data := await reader.read(100_000 if trickle.is_set() else 65536):
                for place in range(0, len(data), 50_000):
                    writer.write(data[place : place + 50_000])
                    await asyncio.sleep(0.2 if trickle.is_set() else 0)

        it.relay._copy = slowly  # type: ignore[method-assign]
        it.relay.cut()
        await until(lambda: it.owner.idles == 2)
        trickle.set()
        it.ask(b'{"a": "', b"x" * 500_000, b'"}')
        await until(lambda: it.owner.ends == 1)

        assert it.owner.losses == 1
        assert len(it.owner.body) == 500_009


async def test_a_frozen_replica_is_noticed_and_heals() -> None:
    async with rig("echo") as it:
        os.kill(it.pid, signal.SIGSTOP)
        try:
            await until(lambda: it.owner.losses == 1)
        finally:
            os.kill(it.pid, signal.SIGCONT)
        await until(lambda: it.owner.idles == 2)
        it.ask(n=1)
        await until(lambda: it.owner.ends == 1)


@pytest.mark.parametrize("crossed", [False, True])
async def test_a_late_answer_reaches_a_stranger_only_with_the_defect(crossed: bool) -> None:
    async with rig("sleep", crossed) as it:
        it.ask(sleep_ms=600, n="old")
        await asyncio.sleep(0.3)
        it.relay.cut()
        await until(lambda: it.owner.idles == 2)
        it.ask(sleep_ms=0, n="new")
        await until(lambda: it.owner.ends >= 1)

        assert json.loads(it.owner.answers[0])["n"] == ("old" if crossed else "new")


async def test_a_stream_that_fails_is_broken_off_and_the_link_stands() -> None:
    async with rig("slow") as it:
        it.ask(chunks=3, every_ms=0, chunk_bytes=10, padding="x")
        await until(lambda: it.owner.ends == 1)
        it.ask(chunks="three")
        await until(lambda: it.owner.broken == 1)
        it.ask(chunks=2)
        await until(lambda: it.owner.ends == 2)
        assert it.owner.losses == 0
