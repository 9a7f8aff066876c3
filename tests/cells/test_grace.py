"""H on the embedded platform: it passes, and each defect of leaving workers is found, by the measure that should."""

from __future__ import annotations

import anyio
import pytest

from chaos.sla.results import Verdict
from tests.cells.harness import run_cells

QUICK = {"rounds": 1, "timeout": 3.0, "slack": 0.8, "beyond": 1.0}

FOUND = [
    (("scale_down_kills", "unregister_not_awaited"), "scale", "admitted requests lost"),
    (("scale_down_kills", "unregister_not_awaited"), "unregister", "admitted requests lost"),
    (("leaving_still_served", "leaving_takes_new"), "scale", "given to leaving workers"),
    (("leaving_still_served", "leaving_takes_new"), "unregister", "given to leaving workers"),
    (("drain_unnoticed", "queue_dropped"), "scale", "operations not done"),
    (("drain_unnoticed", "queue_dropped"), "unregister", "admitted requests lost"),
]
"""Defects, two at once where they do not meet, and what finds them."""


def test_a_correct_platform_loses_nothing() -> None:
    _, results = anyio.run(run_cells, "H", ["scale", "unregister"], [], 1, QUICK)

    assert [result.api for result in results] == ["scale", "unregister"]
    for result in results:
        assert result.verdict is not Verdict.FAIL, result.reason
        counts = {measure.name: measure for measure in result.measures if not measure.timed}
        assert all(measure.verdict is Verdict.PASS for measure in counts.values()), result.measures
        assert counts["admitted requests lost"].n > 8
        assert result.figure is not None
        (first, *_) = result.figure["rounds"]
        assert first["leaving"]
        assert first["gone"] is not None
        assert len(first["requests"]) > 8


@pytest.mark.parametrize("defects", list(dict.fromkeys(defects for defects, _, _ in FOUND)))
def test_each_defect_is_found(defects: tuple[str, ...]) -> None:
    apis = ["scale", "unregister"]
    _, results = anyio.run(run_cells, "H", apis, defects, 1, QUICK)

    by = {
        result.api: {measure.name for measure in result.measures if measure.verdict is Verdict.FAIL}
        for result in results
    }
    for api in apis:
        assert {name for given, where, name in FOUND if (given, where) == (defects, api)} <= by[api], results
