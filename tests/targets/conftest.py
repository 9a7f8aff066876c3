"""Fixtures of the adapters' tests: servers that answer as the real ones do, each on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chaos.targets import oip, sagemaker
from chaos.targets import torchserve as torchserve_target
from tests.targets.servers import SageMakerStandIn, StandIn, TorchServeStandIn, TritonStandIn


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
async def container(anyio_backend: str) -> AsyncIterator[SageMakerStandIn]:
    """Answers as a SageMaker container of several models does."""
    async with SageMakerStandIn().serving() as server:
        yield server


@pytest.fixture
async def blank(anyio_backend: str) -> AsyncIterator[StandIn]:
    """Answers 404 but where a test says otherwise."""
    async with StandIn().serving() as server:
        yield server


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stand-in does not do at once it never does."""
    for module in (oip, sagemaker, torchserve_target):
        monkeypatch.setattr(module, "READY_SECONDS", 1.0)
        monkeypatch.setattr(module, "GONE_SECONDS", 0.5, raising=False)
        monkeypatch.setattr(module, "HEALTH_SECONDS", 0.5)
        monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
