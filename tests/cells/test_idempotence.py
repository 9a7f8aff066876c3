"""The idempotence cells on the embedded platform: the correct one is let be, and defects are found."""

from __future__ import annotations

import pytest

from chaos.sla.results import Verdict
from tests.cells.harness import run_cells

pytestmark = pytest.mark.anyio

SHORT = {"rounds": 1, "copies": 4}


async def test_the_correct_platform_is_not_blamed() -> None:
    events, (result,) = await run_cells("J", ["scale"], seed=3, given=SHORT)

    assert result.verdict is not Verdict.FAIL, result.reason
    rounds = [event for event in events if event.get("about") == "round"]
    assert {event["sort"] for event in rounds} == {"simultaneous", "sequence", "lost", "alone"}
    assert all(event["after"]["strays"] == 0 for event in rounds), "processes were counted"


@pytest.mark.parametrize(
    ("api", "defect", "check"),
    [
        ("register", "register_replaces", "wrong ends of repeated ones"),
        ("unregister", "unregister_twice_fails", "wrong answers"),
    ],
)
async def test_a_defect_is_found(api: str, defect: str, check: str) -> None:
    given = {**SHORT, "rest_seconds": 1.5, "answer_seconds": 3.0}
    _, (result,) = await run_cells("J", [api], [defect], seed=3, given=given)

    assert result.verdict is Verdict.FAIL, result.reason
    failed = [each.name for each in result.measures if each.verdict is Verdict.FAIL]
    assert check in failed, failed
