"""G on the embedded platform: it gives back what models took, and kinds of leaks are found by their measures."""

from __future__ import annotations

import anyio

from chaos.cgroups import find_base
from chaos.sla.results import Verdict
from tests.cells.harness import run_cells

QUICK = {"cycles": 6, "warmup": 1, "release_seconds": 1.0}


def failed(api: str, *defects: str) -> set[str]:
    """The measures of one cell that fail, by what they are about."""
    _, (result,) = anyio.run(run_cells, "G", [api], defects, 1, QUICK)
    assert result.measures, result.reason
    return {
        each.name.removesuffix(" left per cycle") for each in result.measures if each.verdict is Verdict.FAIL
    }


def test_the_platform_gives_everything_back() -> None:
    events, (result,) = anyio.run(run_cells, "G", ["unregister"], (), 1, QUICK)

    assert result.verdict is not Verdict.FAIL, result
    readings = [event for event in events if event["kind"] == "footprint"]
    assert [event["moment"] for event in readings] == ["before", *6 * ["serving", "after"]]
    assert {event["processes"] for event in readings if event["moment"] == "serving"} == {6}


def test_what_is_kept_of_replicas_and_models_is_found() -> None:
    found = failed("unregister", "port_kept", "partition_kept", "log_kept_open", "model_remembered")

    partitions = {"partitions"} if find_base() is not None else set()
    late = {"left at the end", "cycles not released within 1 s"}
    assert found == {"ports", "descriptors", "memory"} | partitions | late
