from __future__ import annotations

import pytest

from chaos.errors import CapabilityError
from chaos.targets.base import RegisterBatched, Target, need
from chaos.targets.embedded import Embedded
from chaos.targets.registry import open_by_url
from chaos.targets.testing import FakeTarget
from tests.targets.contract import check_batches, check_contract

pytestmark = pytest.mark.anyio


async def test_the_fake() -> None:
    await check_contract(FakeTarget(), scales=True, answers=False)


async def test_the_embedded_platform() -> None:
    await check_contract(open_by_url("embedded"), scales=True)


SCALES = {
    "torchserve+{inference}?management={management}&store=plain": True,
    "oip+{inference}": False,
    "sagemaker+{inference}": False,
    "sagemaker+{inference}?management={management}": True,
}
"""Other target URLs of a platform that runs, and whether they scale."""


@pytest.mark.parametrize("url", SCALES)
async def test_an_adapter_on_the_embedded_platform(url: str) -> None:
    platform = open_by_url("embedded")
    await platform.open()
    try:
        await check_contract(_beside(platform, url), scales=SCALES[url])
        if SCALES[url] or url.startswith("oip"):
            await check_batches(_beside(platform, url))
        else:
            with pytest.raises(CapabilityError, match="'registerbatched'"):
                need(_beside(platform, url), RegisterBatched)
    finally:
        await platform.close()


def _beside(platform: Target, url: str) -> Target:
    """Another target that speaks to the same running platform."""
    assert isinstance(platform, Embedded)
    assert platform.address is not None
    management = platform.address.option("management")
    return open_by_url(url.format(inference=platform.address.base, management=management))
