"""Fixtures: a platform shared by a module's tests, and one that a test may break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.harness import Platform, started


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One for the tests of a module that leave it as it was."""
    log = tmp_path_factory.mktemp("platform") / "platform.log"
    with started("--log", str(log)) as running:
        yield running
        assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture
def clean(platform: Platform) -> Iterator[Platform]:
    """The module's platform, without models before and after the test."""
    yield platform
    for model in platform.manage("GET", "/models").json["models"]:
        platform.manage("DELETE", f"/models/{model['modelName']}")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Platform]:
    """One for a test that breaks it."""
    with started("--log", str(tmp_path / "platform.log")) as running:
        yield running


@pytest.fixture
def anyio_backend() -> str:
    """The platform is written for asyncio."""
    return "asyncio"
