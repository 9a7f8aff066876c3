"""The TCP links, cut by a relay in their middle: both come back, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import json
import subprocess

import anyio
import pytest

from chaos.embedded.control_link import ControlLink
from chaos.embedded.forks import SpawnFailed
from chaos.embedded.hub import ProxyHub
from chaos.embedded.replica_link import ReplicaLink
from chaos.embedded.routes import ModelRoute, ReplicaRoute, RouteTable
from chaos.embedded.store import BUILT_IN
from tests.embedded.relay import TOKEN, Owner, Relay, background, replica, until

TABLE = RouteTable(
    7,
    (ModelRoute("m", "1.0", "/p", 1, 100, 120.0),),
    (ReplicaRoute(3, "m", 4711, draining=True),),
    ((2, 9),),
)

pytestmark = pytest.mark.anyio


def send(link: ReplicaLink, *pieces: bytes) -> None:
    """A request to the sleep package."""
    words = {
        "model": "m",
        "version": "1.0",
        "package": str(BUILT_IN / "sleep"),
        "content_type": "",
        "accept": "",
    }
    link.send([({"protocol": "torchserve", **words}, list(pieces), sum(map(len, pieces)))])


async def test_a_cut_replica_link_heals_and_the_replica_lives() -> None:
    owner = Owner()
    async with replica("sleep") as (_, child), Relay(child.port).running() as relay:
        link = ReplicaLink(owner, child.id, relay.port, TOKEN)
        async with background(link.keep()):
            await until(lambda: owner.idles == 1)
            send(link, b'{"sleep', b'_ms": 0, "n": 1}')
            await until(lambda: owner.ends == 1)
            assert json.loads(owner.body)["n"] == 1

            send(link, b'{"sleep_ms": 100, "n": 2}')
            relay.cut()
            await until(lambda: owner.losses == 1 and owner.idles == 2)
            send(link, b'{"sleep_ms": 0, "n": 3}')
            await until(lambda: owner.ends == 2)

            assert json.loads(owner.body)["n"] == 3
            assert len(owner.heads) == 2, "what was cut is not answered later"
            assert not child.exited.done()


async def test_a_newer_link_takes_the_place_of_one_that_fell_silent() -> None:
    first, second = Owner(), Owner()
    async with replica("echo") as (_, child):
        old = ReplicaLink(first, child.id, child.port, TOKEN)
        async with background(old.keep()):
            await until(lambda: first.ups == 1)
            new = ReplicaLink(second, child.id, child.port, TOKEN)
            async with background(new.keep()):
                await until(lambda: second.ups >= 1 and first.losses >= 1)


async def test_a_wrong_token_gets_no_link() -> None:
    owner = Owner()
    async with replica("echo") as (_, child), Relay(child.port).running() as relay:
        link = ReplicaLink(owner, child.id, relay.port, "guess")
        async with background(link.keep()):
            await until(lambda: relay.taken >= 3)
            assert owner.ups == 0


async def test_a_killed_child_is_told_by_its_signal_and_a_lost_fork_server_fails_all() -> None:
    async with replica("echo") as (forks, child):
        forks.kill(child)
        with anyio.fail_after(20):
            assert (await child.exited).signal == 9
        other = await forks.spawn("m", "/nowhere")
        with anyio.fail_after(20), pytest.raises(SpawnFailed, match="no such handler"):
            await other.ready


async def test_the_control_link_starts_over_with_the_full_table_after_a_cut() -> None:
    tables: list[RouteTable] = []
    asked = asyncio.Event()

    async def control(method: str, path: str, body: str) -> tuple[int, str]:
        asked.set()
        if path == "/slow":
            await anyio.sleep(60)
        return 200, f"{method} {path} {body}"

    stuck: list[int] = []
    hub = ProxyHub(lambda generation: TABLE, stuck.append, {"token": TOKEN}, (), subprocess.DEVNULL)
    hub.control = control
    server = await asyncio.start_server(hub._session, "127.0.0.1", 0)
    async with (
        server,
        asyncio.TaskGroup() as tasks,
        Relay(server.sockets[0].getsockname()[1]).running() as relay,
    ):
        hub._tasks = tasks
        link = ControlLink(relay.port, TOKEN, tables.append, lambda _: None, lambda: {"m": 5}, lambda: None)
        async with background(link.keep()):
            await until(lambda: tables == [TABLE])
            assert await hub.settled(7, 20)
            assert await link.call("GET", "/x", "é") == (200, "GET /x é".encode())
            assert await hub.ask_queues() == {"m": 5}
            link.say(up=3, since=1.5)
            link.say(stuck=4)
            link.say(quiet="m", generation=7)
            assert await hub.quiet("m", 7, 20)
            assert not await hub.quiet("m", 8, 0.01), "not of this generation"
            assert (hub.connected, stuck) == ({3}, [4])

            asked.clear()
            slow = asyncio.create_task(link.call("POST", "/slow", ""))
            await asked.wait()
            relay.cut()
            with pytest.raises(ConnectionError, match="broke"):
                await slow
            await until(lambda: tables == [TABLE, TABLE])
            assert hub.connected == set(), "what stands now is said anew"
            assert (await link.call("GET", "/again", ""))[0] == 200
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if "_answer" in repr(task):
                task.cancel()
    with pytest.raises(ConnectionError):
        await link.call("GET", "/down", "")
