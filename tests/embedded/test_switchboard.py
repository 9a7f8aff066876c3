"""The links to replicas, as the manager hears of them: what stands, what is down, who stays away for too long."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from chaos.embedded import switchboard
from chaos.embedded.switchboard import Switchboard
from tests.embedded.relay import TOKEN, Owner, Relay, replica, until

pytestmark = pytest.mark.anyio


class Reporting(Owner):
    """Passes on what a proxy passes on."""

    links: Switchboard

    def link_up(self, replica: int) -> None:
        self.links.came(replica)

    def link_lost(self, replica: int) -> None:
        self.links.went(replica)


async def test_a_replica_that_stays_away_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switchboard, "LEAST_SECONDS", 0.4)
    said: list[dict[str, Any]] = []
    owner = Reporting()

    def stuck() -> bool:
        return any("stuck" in message for message in said)

    async with (
        replica("echo") as (_, child),
        Relay(child.port).running() as relay,
        asyncio.TaskGroup() as tasks,
    ):
        board = owner.links = Switchboard(owner, TOKEN, lambda **words: said.append(words), tasks, again=True)
        assert board.add(child.id, relay.port, patience=0.0)
        await until(lambda: said)
        assert said[0] == {"up": child.id, "since": board[child.id].since}
        await anyio.sleep(0.6)
        assert not stuck(), "it is there"

        relay.cut()
        await until(lambda: len(said) == 3)
        assert ["down" in message for message in said[1:]] == [True, False]
        await anyio.sleep(0.6)
        assert not stuck(), "it came back"

        relay.swallows = frozenset({"up", "down"})
        relay.cut()
        await until(stuck)
        said.clear()
        assert not board.add(child.id, relay.port, patience=0.0)
        assert [next(iter(message)) for message in said] == ["down", "stuck"], "said again with each table"
        board.remove(child.id)
        assert child.id not in board


async def test_with_the_defect_a_lost_link_stays_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switchboard, "LEAST_SECONDS", 0.2)
    said: list[dict[str, Any]] = []
    owner = Reporting()
    async with (
        replica("echo") as (_, child),
        Relay(child.port).running() as relay,
        asyncio.TaskGroup() as tasks,
    ):
        board = owner.links = Switchboard(
            owner, TOKEN, lambda **words: said.append(words), tasks, again=False
        )
        board.add(child.id, relay.port, patience=0.0)
        await until(lambda: said)
        relay.cut()
        await anyio.sleep(0.5)
        assert [next(iter(message)) for message in said] == ["up", "down"]
        board.remove(child.id)
