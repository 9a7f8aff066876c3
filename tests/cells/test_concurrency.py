"""E on the embedded platform: it passes, and defects of serving many at once are found by their measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from chaos.properties.base import CellResult
from chaos.sla.results import Verdict
from tests.cells.harness import run_cells

QUICK = {"seconds": 0.7, "beyond": 3, "read_seconds": 0.3, "slow_ms": 400.0, "timeout": 2.0}
BLOCKED = {"readers": 2, "read_seconds": 0.2}
LOADED = {"cycles": 0}

DEFECTS = [
    (["workers_polled", "newest_first"], "inference", {}, ["places in use", "longest wait"]),
    (["ping_waits_for_worker"], "health", {"readers": 2, "read_seconds": 0.2}, ["wait behind inference"]),
]
"""Where several are seeded at once, each has a measure of its own."""


async def _measured(
    api: str, defects: Sequence[str] = (), given: Mapping[str, float] | None = None
) -> CellResult:
    _, (result,) = await run_cells("E", [api], defects, given={**QUICK, **(given or {})})
    return result


@pytest.mark.anyio
async def test_a_correct_platform_uses_all_its_places() -> None:
    result = await _measured("batch_inference", given={"workers": 1})

    assert result.verdict is not Verdict.FAIL, result.reason
    measures = {measure.name: measure for measure in result.measures}
    assert measures["requests not answered"].verdict is Verdict.PASS
    assert measures["requests not answered"].n > 100
    assert result.figure is not None
    assert result.figure["places"] == 4
    assert result.figure["capacity"] == pytest.approx(4 / 0.04)
    assert result.figure["users"][0] == 1
    assert result.figure["users"][-1] == 12


@pytest.mark.anyio
@pytest.mark.parametrize(("defects", "api", "given", "by"), DEFECTS)
async def test_defects_are_found(
    defects: list[str], api: str, given: Mapping[str, float], by: list[str]
) -> None:
    result = await _measured(api, defects, given)

    assert result.verdict is Verdict.FAIL, result.reason
    assert set(by) <= {measure.name for measure in result.measures if measure.verdict is Verdict.FAIL}
