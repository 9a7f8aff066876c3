"""Fixtures of the real servers; each is started once for the session, if it is asked for at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.mlserver_rig import mlserver_rig
from tests.real.mms_rig import mms_rig
from tests.real.torchserve_rig import torchserve_rig
from tests.real.triton_rig import triton_rig

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "real"
RIGS = {"mlserver": mlserver_rig, "mms": mms_rig, "torchserve": torchserve_rig, "triton": triton_rig}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of real servers run only where they are asked for: they install software."""
    if os.environ.get("CHAOS_REAL") != "1":
        skip = pytest.mark.skip(reason="needs real model servers: run `nox -s real`, or set CHAOS_REAL=1")
        for item in items:
            if item.get_closest_marker("real") is not None:
                item.add_marker(skip)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", params=sorted(RIGS))
def shared_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each real server in turn, one for all tests that leave it as it was."""
    with RIGS[request.param](CACHE) as url:
        yield url


@pytest.fixture(params=sorted(RIGS))
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each real server in turn, fresh for the test: what a fault does to it, no other test shall see."""
    with RIGS[request.param](CACHE) as url:
        yield url
