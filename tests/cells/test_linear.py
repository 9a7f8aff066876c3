"""D on the embedded platform: its operations scale, and defects of theirs are found by their measures."""

from __future__ import annotations

import anyio

from chaos.sla.results import Verdict
from tests.cells.harness import run_cells

QUICK = {"rounds": 5, "workers": 4}


def verdicts(api: str, *defects: str) -> dict[str, Verdict]:
    """What the measures of one cell say."""
    _, (result,) = anyio.run(run_cells, "D", [api], defects, 1, QUICK)
    assert result.measures, result.reason
    return {each.name: each.verdict for each in result.measures}


def test_the_platform_scales_better_than_linear() -> None:
    events, results = anyio.run(run_cells, "D", ["scale", "unregister"], (), 1, QUICK)

    assert Verdict.FAIL not in [result.verdict for result in results], results
    names = [each.name for result in results for each in result.measures]
    assert names == [
        "scaling up slope",
        "scaling up exponent",
        "scaling down slope",
        "scaling down exponent",
        "operations that no process shows",
        "unregistering slope",
        "unregistering exponent",
        "operations that no process shows",
    ]
    operations = [event for event in events if event["kind"] == "note" and event["about"] == "operation"]
    assert len(operations) == 3 * 5 * 5
    assert all(event["shown"] for event in operations)


def test_a_worker_that_waits_for_others_is_found() -> None:
    found = verdicts("scale", "starts_wait_in_turn", "retires_in_turn")

    assert found["scaling up exponent"] is Verdict.FAIL
    assert found["scaling down exponent"] is Verdict.FAIL
