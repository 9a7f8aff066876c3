"""The isolation cells on the embedded platform: the correct one is let be, defects are found."""

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


async def test_the_correct_platform_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = {"occupy", "crash"}
    monkeypatch.setattr(isolation, "MODES_OF", {"inference": tuple(modes)})

    events, (result,) = await run_cells("C", ["inference"], seed=3, given=SHORT)

    assert result.verdict is not Verdict.FAIL, result.reason
    assert {f"availability under {mode}" for mode in modes} < {each.name for each in result.measures}
    assert {event["mode"] for event in events if event.get("about") == "hostile"} == modes
    assert not any(event.get("about") == "skipped" for event in events)


async def test_a_defect_is_found_by_what_it_does_to_the_victim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "MODES_OF", {"inference": ("crash",)})

    _, (result,) = await run_cells("C", ["inference"], ["shared_breaker"], seed=3, given=SHORT)

    assert result.verdict is Verdict.FAIL, result.reason
    failed = [each.name for each in result.measures if each.verdict is Verdict.FAIL]
    assert any("availability under crash" in name for name in failed), failed
