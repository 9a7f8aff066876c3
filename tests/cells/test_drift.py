"""B on the embedded platform: what four defects lose in a short soak of all APIs is found, each by its measure."""

from __future__ import annotations

import anyio

from chaos.properties.base import CellResult
from chaos.sla.results import Verdict
from tests.cells.harness import run_cells

APIS = ["register", "inference", "batch_inference", "health", "api_description", "describe", "list"]
SHORT = {
    "seconds": 12,
    "rate": 210,
    "sample_every": 0.25,
    "register_every": 0.25,
    "rss_noise": 0.7,
    "fds_noise": 5,
}
DEFECTS = (
    "proxy_keeps_requests",
    "ping_leaves_thread",
    "describe_leaks_descriptor",
    "answers_kept",
)


def failed(result: CellResult) -> set[str]:
    return {each.name for each in result.measures if each.verdict is Verdict.FAIL}


def test_the_platform_stays_as_it_is() -> None:
    events, results = anyio.run(run_cells, "B", APIS, (), 1, {"seconds": 12, "sample_every": 0.25})

    assert [failed(result) for result in results] == [set()] * len(APIS), results
    assert all(len(result.measures) > 8 for result in results)
    assert all(result.figure and result.figure["series"] for result in results)
    assert sum(event["kind"] == "note" and event["about"] == "sample" for event in events) > 20


def test_what_is_lost_is_found() -> None:
    _, results = anyio.run(run_cells, "B", APIS, DEFECTS, 1, SHORT)

    found = {result.api: failed(result) for result in results}
    assert {"proxy memory", "proxy threads", "manager memory", "manager descriptors"} <= found["health"]
