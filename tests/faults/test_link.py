"""Links misbehave while the fault is held, and stand again after: through the real fault proxy."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import anyio.to_thread
import pytest

from chaos.errors import DocumentError
from chaos.faults.base import FaultError, RevertError
from chaos.faults.link import Link, LinkArguments
from chaos.faults.registry import check_needs, create_fault
from chaos.faults.testing import check_fault, fake_context
from chaos.proxy.client import ProxyClient, ToxicSpec
from chaos.proxy.process import FaultProxy
from chaos.targets.testing import FakeTarget
from tests.proxy.conftest import Server, echo

pytestmark = pytest.mark.anyio


class Rig:
    """A fault proxy in front of a listener, with links as the embedded platform names them."""

    def __init__(self, proxy: FaultProxy, client: ProxyClient) -> None:
        self.proxy, self.client = proxy, client
        self.listens: dict[str, str] = {}

    async def reached(self, name: str) -> str:
        """How a connection through a link ends that is sent one byte."""
        host, port = self.listens[name].split(":")

        def go() -> str:
            try:
                with socket.create_connection((host, int(port)), 0.3) as through:
                    through.sendall(b"x")
                    return "answered" if through.recv(1) else "closed"
            except TimeoutError:
                return "timed out"
            except OSError as error:
                return type(error).__name__

        return await anyio.to_thread.run_sync(go)

    async def all(self) -> dict[str, str]:
        """How each of them ends."""
        return {name: await self.reached(name) for name in self.listens}


NAMES = ("client", "manager", "replica-a-1", "replica-a-2", "replica-a-b-3")


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Everything real, the echo behind it included."""

    server = Server(echo)
    try:
        async with FaultProxy(5) as proxy, ProxyClient(proxy.api) as client:
            made = Rig(proxy, client)
            for name in NAMES:
                made.listens[name] = (await client.create(name, "127.0.0.1:0", server.address)).listen
            yield made
    finally:
        server.close()


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"link": "client"}, "client", "ConnectionRefusedError"),
    ({"link": "manager", "toxic": "reset_peer"}, "manager", "ConnectionResetError"),
    ({"link": "client", "toxic": "timeout", "stream": "both"}, "client", "timed out"),
    ({"link": "replica", "model": "a-b"}, "replica-a-b-3", "ConnectionRefusedError"),
]


@pytest.mark.parametrize(("arguments", "name", "ends"), CASES)
async def test_it_keeps_the_protocol(rig: Rig, arguments: dict[str, Any], name: str, ends: str) -> None:
    async def effect() -> bool:
        seen = await rig.reached(name)
        assert seen in (ends, "answered")
        return seen == ends

    make: Callable[[], Link] = partial(Link, LinkArguments(**arguments))
    context = await check_fault(make, FakeTarget(), link_api=rig.proxy.api, effect=effect)
    assert name in context.stated[0][0].touches[0]
    assert set((await rig.all()).values()) == {"answered"}


async def test_only_the_chosen_links_of_the_model(rig: Rig) -> None:
    fault = Link(LinkArguments(link="replica", model="a", choose="one"))
    async with fake_context(FakeTarget(), seed=3, link_api=rig.proxy.api) as context:
        await fault.inject(context.given)
        hit = [name for name, ends in (await rig.all()).items() if ends != "answered"]
        blast = context.stated[0][0]
        await Link.revert(context.undo)
    assert len(hit) == 1
    assert hit[0] in ("replica-a-1", "replica-a-2")
    assert (blast.replicas, blast.of) == (1, 2)
    again = Link(LinkArguments(link="replica", model="a", choose="one"))
    async with fake_context(FakeTarget(), seed=3, link_api=rig.proxy.api) as context:
        await again.inject(context.given)
        assert context.undo["proxies"] == hit, "the seed chooses"
        await Link.revert(context.undo)


@pytest.mark.parametrize(("toxic", "tamper"), [("down", "enable"), ("latency", "remove")])
async def test_somebody_else_takes_it_away(rig: Rig, toxic: Any, tamper: str) -> None:
    fault = Link(LinkArguments(link="client", toxic=toxic))
    async with fake_context(FakeTarget(), link_api=rig.proxy.api) as context:
        await fault.inject(context.given)
        if tamper == "enable":
            await rig.client.set_enabled("client", True)
        else:
            await rig.client.remove_toxic("client", context.undo["toxics"][0])
        with pytest.raises(FaultError, match="by somebody else"):
            await fault.hold(0.1)
        await Link.revert(context.undo)


async def test_others_toxics_stay(rig: Rig) -> None:
    await rig.client.add_toxic("client", ToxicSpec("theirs", "latency", attributes={"latency": 1}))
    fault = Link(LinkArguments(link="client", toxic="latency", attributes={"latency": 5}))
    async with fake_context(FakeTarget(), link_api=rig.proxy.api) as context:
        await fault.inject(context.given)
        await Link.revert(context.undo)
    assert [toxic.name for toxic in (await rig.client.proxies())["client"].toxics] == ["theirs"]


async def test_a_link_that_cannot_listen_again_is_not_reverted(rig: Rig) -> None:
    fault = Link(LinkArguments(link="client"))
    async with fake_context(FakeTarget(), link_api=rig.proxy.api) as context:
        await fault.inject(context.given)
        host, port = rig.listens["client"].split(":")
        with (
            socket.create_server((host, int(port))),
            pytest.raises(RevertError, match="/reset of the fault proxy"),
        ):
            await Link.revert(context.undo)
        assert "restored" in await Link.revert(context.undo)


async def test_no_such_link(rig: Rig) -> None:
    fault = Link(LinkArguments(link="replica", model="nobody"))
    async with fake_context(FakeTarget(), link_api=rig.proxy.api) as context:
        with pytest.raises(FaultError, match=r"'replica' of model 'nobody'.*there are: client, manager"):
            await fault.inject(context.given)
        assert context.stated == []


def test_without_a_fault_proxy_it_says_what_to_write() -> None:
    with pytest.raises(FaultError, match='"links": '):
        check_needs("link", Link(LinkArguments()), FakeTarget(), "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"link": "replica"}, "'model' goes with"),
        ({"link": "client", "model": "a"}, "'model' goes with"),
        ({"toxic": "down", "toxicity": 0.5}, "closes a link as a whole"),
        ({"toxic": "latencee"}, "toxic"),
    ],
)
def test_what_does_not_fit(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        create_fault("link", arguments)
