"""Fixtures of the adapters' tests: servers that answer as the real ones do, each on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.targets.servers import StandIn, TorchServeStandIn, TritonStandIn


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def torchserve(anyio_backend: str) -> AsyncIterator[TorchServeStandIn]:
    """Answers as TorchServe does, inference and management on one port."""
    async with TorchServeStandIn().serving() as server:
        yield server


@pytest.fixture
async def triton(anyio_backend: str) -> AsyncIterator[TritonStandIn]:
    """Answers as Triton does."""
    async with TritonStandIn().serving() as server:
        yield server


@pytest.fixture
async def blank(anyio_backend: str) -> AsyncIterator[StandIn]:
    """Answers 404 but where a test says otherwise."""
    async with StandIn().serving() as server:
        yield server
