"""A rollback cell on the embedded platform: the correct one is let be, and a defect is found by what it leaves.

All defects, and all cells, are what `chaos calibrate` is for.
"""

from __future__ import annotations

import pytest

from chaos.sla.results import Verdict
from tests.cells.harness import run_cells

pytestmark = pytest.mark.anyio

SHORT = {"rest_seconds": 2.0, "inference_ms": 300.0, "stop_after": 1}
BEHIND = "cases that left something behind"


async def test_the_correct_platform_is_not_blamed() -> None:
    events, (result,) = await run_cells("I", ["scale"], seed=3, given={"inference_ms": 300.0})

    assert result.verdict is not Verdict.FAIL, result.reason
    assert {BEHIND, "inferences lost"} < {each.name for each in result.measures}
    cases = {event["name"] for event in events if event.get("about") == "case"}
    assert cases >= {"scale up: raise", "scale up: exit", "scale up: memory", "scale: too many"}
    assert not any(event.get("about") == "skipped" for event in events)


async def test_a_defect_is_found_by_what_it_leaves() -> None:
    _, (result,) = await run_cells("I", ["scale"], ["failed_scale_keeps"], seed=3, given=SHORT)

    assert result.verdict is Verdict.FAIL, result.reason
    failed = [each.name for each in result.measures if each.verdict is Verdict.FAIL]
    assert BEHIND in failed, failed
