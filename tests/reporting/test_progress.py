"""Live standings follow the events, and memory does not grow with the run."""

from __future__ import annotations

import pytest

from chaos.analysis import analyse
from chaos.history import Event
from chaos.reporting.progress import SPARK_SECONDS, Progress
from chaos.sla.documents import ProbeDocument
from tests.reporting import histories


def progress_of(events: list[Event], until: str) -> Progress:
    """Fed up to the last frame of a phase."""
    progress = Progress([ProbeDocument.model_validate(probe) for probe in events[0]["probes"]], {})
    entered = False
    for event in events:
        if event["kind"] == "phase":
            if entered:
                break
            entered = event["phase"] == until
        progress.feed(event)
    return progress


@pytest.mark.parametrize(("history", "holds"), [("passing", True), ("failing", False)])
def test_standings_in_the_fault_agree_with_the_verdict(history: str, holds: bool) -> None:
    progress = progress_of(getattr(histories, history)(), "fault")
    standings = progress.probes["victim"].standings("fault", progress.now, progress.since)

    assert [standing.objective.name for standing in standings] == [
        "availability",
        "correctness",
        "p99 latency",
        "p99 latency ratio",
    ]
    assert [standing.holds for standing in standings] == [holds, True, holds, holds]


def test_a_relative_objective_is_not_shown_in_the_baseline() -> None:
    progress = progress_of(histories.passing(), "baseline")
    standings = progress.probes["victim"].standings("baseline", progress.now, progress.since)

    assert "p99 latency ratio" not in [standing.objective.name for standing in standings]


def test_live_values_are_near_those_of_the_analysis() -> None:
    events = histories.passing()
    progress = progress_of(events, "fault")
    live = {
        standing.objective.name: standing.value
        for standing in progress.probes["victim"].standings("fault", progress.now, progress.since)
    }

    for result in analyse(events).objectives:
        if result.phase == "fault":
            assert live[result.objective] == pytest.approx(result.estimate, rel=0.2)


def test_too_little_is_neither_good_nor_bad() -> None:
    progress = progress_of(histories.empty(), "fault")

    standings = progress.probes["victim"].standings("fault", progress.now, progress.since)
    assert {standing.holds for standing in standings} == {None}
    assert progress.probes["victim"].recent(progress.now) == (0.0, None, 0)


def test_memory_does_not_grow_with_time() -> None:
    events = [event for event in histories.passing() if event["kind"] == "frame"]
    progress = Progress(
        [ProbeDocument.model_validate(probe) for probe in histories.passing()[0]["probes"]], {}
    )
    for lap in range(5):
        for event in events:
            progress.feed({**event, "at": event["at"] + 40.0 * lap})

    assert len(progress.probes["victim"].seconds) == SPARK_SECONDS
    assert len(progress.probes["victim"].spark()) == SPARK_SECONDS


def test_the_planned_length_of_a_fault_is_taken_from_its_event() -> None:
    progress = Progress([], {"baseline": 5.0})
    fault = {"id": "a-1", "fault": "a", "model": "m", "arguments": {}, "event": "intent", "reason": ""}
    progress.feed({"kind": "fault", "at": 1.0, "seconds": 10, **fault})

    assert progress.planned == {"baseline": 5.0, "fault": 10.0}
