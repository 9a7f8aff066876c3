"""The isolation cells on the embedded platform: the correct one is let be, each defect is found."""

from __future__ import annotations

import pytest

from chaos.cells import isolation
from chaos.cells.isolation import MODES_OF
from chaos.faults.handler_dos import MODES
from chaos.sla.results import Verdict
from tests.cells.harness import run_cells

pytestmark = pytest.mark.anyio

SHORT = {"baseline": 1.2, "recovery": 1.0}


def test_every_mode_is_one_of_the_fault() -> None:
    assert {mode for modes in MODES_OF.values() for mode in modes} == MODES.keys() - {"hang"}


async def test_the_correct_platform_is_not_blamed() -> None:
    events, (result,) = await run_cells("C", ["inference"], seed=3, given=SHORT)

    assert result.verdict is not Verdict.FAIL, result.reason
    assert {f"availability under {mode}" for mode in MODES_OF["inference"]} < {
        each.name for each in result.measures
    }
    assert {event["mode"] for event in events if event.get("about") == "hostile"} == set(
        MODES_OF["inference"]
    )
    assert not any(event.get("about") == "skipped" for event in events)


@pytest.mark.parametrize(
    ("api", "mode", "defect", "check"),
    [
        ("inference", "crash", "crash_ends_all", "under crash"),
        ("inference", "crash", "shared_breaker", "availability under crash"),
        ("inference", "slow", "answers_in_turn", "p90 latency under slow"),
        ("batch_inference", "occupy", "batch_mixes_models", "p90 latency under occupy"),
    ],
)
async def test_a_defect_is_found_by_what_it_does_to_the_victim(
    api: str, mode: str, defect: str, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "MODES_OF", {api: (mode,)})

    _, (result,) = await run_cells("C", [api], [defect], seed=3, given=SHORT)

    assert result.verdict is Verdict.FAIL, result.reason
    failed = [each.name for each in result.measures if each.verdict is Verdict.FAIL]
    assert any(check in name for name in failed), failed
