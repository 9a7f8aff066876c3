"""A on the embedded platform: what it does is deterministic, and a defect is found by the measure it is about."""

from __future__ import annotations

import anyio

from chaos.properties.base import CellResult
from chaos.sla.results import Verdict
from chaos.traffic.spec import Outcome
from tests.cells.harness import run_cells

QUICK = {"bursts": 7, "singles": 8, "idles": 6, "queue": 60, "read_seconds": 2.5, "rate": 80, "cycles": 12}


def measured(api: str, *defects: str) -> CellResult:
    _, (result,) = anyio.run(run_cells, "A", [api], defects, 1, QUICK)
    assert result.measures, result.reason
    return result


def failed(result: CellResult) -> set[str]:
    return {each.name for each in result.measures if each.verdict is Verdict.FAIL}


def test_the_platform_is_deterministic() -> None:
    events, (result,) = anyio.run(run_cells, "A", ["batch_inference"], (), 1, QUICK)

    assert failed(result) == set(), result
    assert {"residual", "slope", "wait told", "service told"} < {each.name for each in result.measures}
    assert result.figure
    outcomes = {row[3] for event in events if event["kind"] == "requests" for row in event["rows"]}
    assert outcomes == {Outcome.OK}


def test_a_defect_has_its_measure() -> None:
    assert "spread" in failed(measured("register", "store_read_again"))
