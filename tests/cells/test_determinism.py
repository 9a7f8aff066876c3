"""A on the embedded platform: what it does is deterministic, and each defect is found by the measure it is about."""

from __future__ import annotations

import anyio
import pytest

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
    apis = ["batch_inference", "list", "register"]
    events, results = anyio.run(run_cells, "A", apis, (), 1, QUICK)

    assert [failed(result) for result in results] == [set()] * len(apis), results
    assert {"residual", "slope", "wait told", "service told"} < {each.name for each in results[0].measures}
    assert all(result.figure for result in results)
    outcomes = {row[3] for event in events if event["kind"] == "requests" for row in event["rows"]}
    assert outcomes == {Outcome.OK}


@pytest.mark.parametrize(
    ("api", "defects", "names"),
    [
        ("inference", ("newest_first", "reloads_after_idle"), {"overtaken", "after idle"}),
        ("batch_inference", ("batch_of_one",), {"residual", "time of one"}),
        ("list", ("control_plane_pauses", "list_leaves_out"), {"tail", "shapes of answers"}),
        ("register", ("store_read_again",), {"spread"}),
    ],
)
def test_each_defect_has_its_measure(api: str, defects: tuple[str, ...], names: set[str]) -> None:
    assert names <= failed(measured(api, *defects))
