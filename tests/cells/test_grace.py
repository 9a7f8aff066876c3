"""H on the embedded platform: it passes, and a defect of leaving workers is found by its measure."""

from __future__ import annotations

import anyio

from chaos.sla.results import Verdict
from tests.cells.harness import run_cells

QUICK = {"rounds": 1, "timeout": 3.0, "slack": 0.8, "beyond": 1.0}


def test_a_correct_platform_loses_nothing() -> None:
    _, (result,) = anyio.run(run_cells, "H", ["scale"], [], 1, QUICK)

    assert result.verdict is not Verdict.FAIL, result.reason
    counts = {measure.name: measure for measure in result.measures if not measure.timed}
    assert all(measure.verdict is Verdict.PASS for measure in counts.values()), result.measures
    assert counts["admitted requests lost"].n > 8
    assert result.figure is not None
    (first, *_) = result.figure["rounds"]
    assert first["leaving"]
    assert first["gone"] is not None
    assert len(first["requests"]) > 8


def test_what_is_lost_is_found() -> None:
    _, (result,) = anyio.run(run_cells, "H", ["scale"], ["scale_down_kills"], 1, QUICK)

    failed = {measure.name for measure in result.measures if measure.verdict is Verdict.FAIL}
    assert "admitted requests lost" in failed, result.measures
