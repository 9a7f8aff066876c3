"""The embedded platform's links as a target's capability, led through the fault proxy and not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.targets.base import Links, need
from chaos.targets.context import TargetContext
from chaos.targets.embedded import open_target
from chaos.targets.records import LinkState
from chaos.targets.testing import ContractError, FakeTarget, ValidatingTarget
from chaos.targets.url import TargetURL
from tests.embedded.cuts import FaultProxy
from tests.targets.contract import infer

pytestmark = pytest.mark.anyio


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    running = FaultProxy()
    yield running
    running.close()


async def test_links_are_led_as_the_context_says(tmp_path: Path, proxy: FaultProxy) -> None:
    context = TargetContext(directory=tmp_path, link_api=proxy.api, links=("replica", "manager"))
    wrapped = open_target(TargetURL.parse("embedded", ["embedded"]), context)
    target = ValidatingTarget(wrapped)
    await target.open()
    try:
        await wrapped.register("m", "echo", 2)  # type: ignore[attr-defined]
        links = await need(target, Links).links()
        assert [(link.name, link.model, link.up) for link in links] == [
            ("manager", "", True),
            *((link.name, "m", True) for link in links[1:]),
        ]
        assert [link.proxy for link in links] == [link.name for link in links]
        assert sorted(link.proxy for link in links) == proxy.names()
        status, _ = await infer(wrapped, "m", {"nonce": "{nonce}"})
        assert status == 200
    finally:
        await target.close()
    assert (tmp_path / "executions.log").read_text().count("\n") == 1
    assert proxy.names() == [], "the platform takes its links' proxies with it"


async def test_without_a_fault_proxy_links_have_no_name_for_it() -> None:
    target = open_target(TargetURL.parse("embedded", ["embedded"]), TargetContext())
    await target.open()
    try:
        (manager,) = await need(target, Links).links()
        assert (manager.name, manager.up, manager.proxy) == ("manager", True, "")
    finally:
        await target.close()


async def test_a_target_that_names_a_link_twice_breaks_the_contract() -> None:
    class Liar(FakeTarget):
        async def links(self) -> list[LinkState]:
            return [LinkState("manager", "", True, 0.0), LinkState("manager", "", False, 1.0)]

    target = ValidatingTarget(Liar())
    await target.open()
    with pytest.raises(ContractError, match="a link is there twice"):
        await need(target, Links).links()

    fake = FakeTarget()
    await fake.register("m", "echo", 2)
    assert [link.name for link in await fake.links()] == ["manager", "replica-m-0", "replica-m-1"]
