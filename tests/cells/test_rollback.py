"""The rollback cells on the embedded platform: the correct one is let be, and a defect is found by what it leaves."""

from __future__ import annotations

import pytest

from chaos.sla.results import Verdict
from tests.cells.harness import run_cells

pytestmark = pytest.mark.anyio

SHORT = {"rest_seconds": 2.0, "inference_ms": 300.0}
BEHIND = "cases that left something behind"


async def test_the_correct_platform_is_not_blamed() -> None:
    events, results = await run_cells("I", ["scale", "unregister"], seed=3, given={"inference_ms": 300.0})

    for result in results:
        assert result.verdict is not Verdict.FAIL, result.reason
        assert {BEHIND, "inferences lost"} < {each.name for each in result.measures}
    cases = {event["name"] for event in events if event.get("about") == "case"}
    assert cases >= {"scale up: raise", "scale up: exit", "scale up: memory", "scale: too many"}
    assert cases >= {"register: raise", "register: exit", "register: memory", "unregister: during a start"}
    assert not any(event.get("about") == "skipped" for event in events)


@pytest.mark.parametrize(
    ("api", "defect", "check"),
    [
        ("scale", "failed_scale_keeps", BEHIND),
        ("unregister", "failed_registration_keeps_name", BEHIND),
        ("unregister", "unregister_stops_halfway", "states torn by a lost answer"),
    ],
)
async def test_a_defect_is_found_by_what_it_leaves(api: str, defect: str, check: str) -> None:
    _, (result,) = await run_cells("I", [api], [defect], seed=3, given={**SHORT, "stop_after": 1})

    assert result.verdict is Verdict.FAIL, result.reason
    failed = [each.name for each in result.measures if each.verdict is Verdict.FAIL]
    assert check in failed, failed
