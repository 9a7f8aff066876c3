"""F on the embedded platform: it passes, and defects of admission are found by their measures."""

from __future__ import annotations

from functools import partial

import anyio

from chaos.history import Event
from chaos.properties.base import CellResult
from chaos.sla.results import Verdict
from chaos.targets.embedded import Embedded
from chaos.targets.registry import open_by_url
from tests.cells.harness import run_cells

QUICK = {"rounds": 3, "pause": 0.1, "hold": 0.1, "baseline": 0.4, "during": 0.4, "after": 0.4}
SMALL = "embedded?memory=64&node_memory=384"
"""Bears six workers."""


def test_a_correct_platform_refuses_and_bears_it() -> None:
    events, results = anyio.run(partial(run_cells, given=QUICK, url=SMALL), "F", ["register", "scale"])

    for result, others in zip(results, (2, 3), strict=True):
        assert result.verdict is not Verdict.FAIL, result.reason
        counts = {measure.name: measure for measure in result.measures if not measure.timed}
        assert all(measure.verdict is Verdict.PASS for measure in counts.values()), result.measures
        assert counts["excess granted"].n == 1 + 3 + 3, "one, and twice three at once"
        assert result.figure is not None
        assert result.figure["bearable"] == 6
        assert set(result.figure["processes"]["count"]) == {others}
    asked = [event for event in events if event.get("about") == "asked"]
    assert [event["batch"] for event in asked if event["batch"]] == [101] * 3


def test_what_is_refused_and_yet_changes_something_is_found() -> None:
    defects = ["refusal_remembered", "excess_evicts_others"]
    _, (result,) = anyio.run(partial(run_cells, given=QUICK, url=SMALL), "F", ["scale"], defects)

    assert result.verdict is Verdict.FAIL, result.reason
    failed = {measure.name: measure for measure in result.measures if measure.verdict is Verdict.FAIL}
    assert "desired" in failed["state changed"].reason, "what was refused is remembered"
    assert "'bystander" in failed["state changed"].reason, "and another model's worker was ended"


async def _unlimited() -> tuple[list[Event], CellResult, list[str]]:
    """A cell on the platform as a target that does not tell what it can bear, and the models that are left."""
    platform = open_by_url("embedded")
    await platform.open()
    try:
        assert isinstance(platform, Embedded)
        assert platform.address is not None
        given = QUICK | {"ask_workers": 4}
        events, (result,) = await run_cells("F", ["scale"], given=given, url=platform.address.text)
        return events, result, await platform.models()
    finally:
        await platform.close()


def test_what_a_target_grants_that_tells_no_limits_is_not_known_to_be_too_much() -> None:
    events, result, left = anyio.run(_unlimited)

    assert result.verdict is Verdict.UNKNOWN, result.reason
    granted = next(measure for measure in result.measures if measure.name == "excess granted")
    assert "does not say how many it can bear" in granted.reason
    assert sum(event.get("about") == "asked" for event in events) == 1, "it is not asked again"
    assert left == []
