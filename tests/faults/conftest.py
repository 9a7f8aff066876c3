"""Fixtures of the faults' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.sleepers import Platform


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def platform() -> Iterator[Platform]:
    """Processes that sleep, and end with the test."""
    target = Platform()
    yield target
    target.end()
