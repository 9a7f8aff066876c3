from __future__ import annotations

import pytest

from chaos.targets.base import Target
from chaos.targets.embedded import Embedded
from chaos.targets.registry import open_by_url
from chaos.targets.testing import FakeTarget
from tests.targets.contract import check_batches, check_contract

pytestmark = pytest.mark.anyio


async def test_the_fake() -> None:
    await check_contract(FakeTarget(), scales=True, answers=False)


async def test_the_embedded_platform() -> None:
    await check_contract(open_by_url("embedded"), scales=True)


@pytest.mark.parametrize("adapter", ["torchserve", "oip"])
async def test_an_adapter_on_the_embedded_platform(adapter: str) -> None:
    platform = open_by_url("embedded")
    await platform.open()
    try:
        await check_contract(_beside(platform, adapter), scales=adapter == "torchserve")
        await check_batches(_beside(platform, adapter))
    finally:
        await platform.close()


def _beside(platform: Target, adapter: str) -> Target:
    """Another target that speaks to the same running platform."""
    assert isinstance(platform, Embedded)
    assert platform.address is not None
    inference = platform.address.base
    if adapter == "oip":
        return open_by_url(f"oip+{inference}")
    management = platform.address.option("management")
    return open_by_url(f"torchserve+{inference}?management={management}&store=plain")
