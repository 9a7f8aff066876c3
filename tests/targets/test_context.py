from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import anyio
import pytest

from chaos.errors import TargetError
from chaos.targets.context import UnansweredError, recorded


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (TargetError("refused"), "fail"),
        (UnansweredError("lost"), "info"),
        (RuntimeError("bug"), "info"),
    ],
)
def test_outcomes(error: Exception | None, outcome: str) -> None:
    seen: list[tuple[Any, ...]] = []
    expected = pytest.raises(type(error)) if error is not None else nullcontext()
    with expected, recorded(lambda *entry: seen.append(entry), "register", "m"):
        if error is not None:
            raise error

    ((operation, model, got, start, end, _),) = seen
    assert (operation, model, got) == ("register", "m", outcome)
    assert start <= end


@pytest.mark.anyio
async def test_cancelled_is_unknown_and_still_cancelled() -> None:
    seen: list[tuple[Any, ...]] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        with recorded(lambda *entry: seen.append(entry), "scale", "m"):
            await anyio.sleep(10)

    assert scope.cancelled_caught
    assert seen[0][2] == "info"
