"""Series keep every request, stay small, and show phases and faults where they were."""

from __future__ import annotations

import copy

import pytest

from chaos.analysis import analyse
from chaos.history import Event
from chaos.reporting.series import (
    KINDS,
    MAX_BINS,
    MAX_OK_POINTS,
    MAX_POINTS_PER_ERROR,
    UNANSWERED,
    Series,
    make_series,
)
from chaos.traffic.spec import Outcome
from tests.reporting import histories


def series_of(events: list[Event]) -> Series:
    return make_series(events, analyse(events))


def recorded(events: list[Event], stream: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in events:
        if event["kind"] == "frame" and stream in event["streams"]:
            for _slot, outcome, _bucket, count in event["streams"][stream]["cells"]:
                found[Outcome(outcome).label] = found.get(Outcome(outcome).label, 0) + count
    return found


@pytest.mark.parametrize("history", ["passing", "failing", "guarded", "broken_off", "long"])
def test_no_request_is_lost_on_the_way_to_the_plot(history: str) -> None:
    events = getattr(histories, history)()

    for probe in series_of(events).probes:
        shown = {points.kind: sum(points.count) for points in probe.points if points.kind != UNANSWERED}
        assert shown == recorded(events, probe.name)


def test_a_long_history_stays_small() -> None:
    series = series_of(histories.long())

    merged = 0
    for probe in series.probes:
        for points in probe.points:
            most = MAX_OK_POINTS if points.kind == KINDS[0] else MAX_POINTS_PER_ERROR
            assert len(points.at) == len(points.seconds) == len(points.count) <= most
            merged += sum(points.count) > len(points.at)
        assert len(probe.p99.at) <= MAX_BINS
    assert merged


def test_merged_points_stay_near_what_was_measured() -> None:
    points = series_of(histories.long()).probes[0].points[0]

    baseline = [seconds for at, seconds in zip(points.at, points.seconds, strict=True) if 3 < at < 12]
    assert 0.001 < min(baseline) < 0.004 < max(baseline) < 0.02


def test_quantiles_rise_in_the_fault_and_come_back() -> None:
    probe = series_of(histories.failing()).probes[0]
    p99 = dict(zip(probe.p99.at, probe.p99.values, strict=True))

    before, during, after = p99[8.5], p99[18.5], p99[30.5]
    assert before is not None
    assert during is not None
    assert after is not None
    assert during > 50 * before
    assert after < 2 * before
    assert all(
        low is None or high is None or low <= high
        for low, high in zip(probe.p50.values, probe.p99.values, strict=True)
    )


def test_failing_fast_does_not_make_the_lines_look_better() -> None:
    probe = series_of(histories.failing()).probes[0]
    resets = next(points for points in probe.points if points.kind == "reset")

    during = [value for at, value in zip(probe.p50.at, probe.p50.values, strict=True) if 15 < at < 23]
    assert all(value is not None and value > 50 * max(resets.seconds) for value in during)


def test_rates_add_up_to_the_requests() -> None:
    events = histories.failing()
    series = series_of(events)

    total = sum(value or 0.0 for line in series.probes[0].rates for value in line.values[1:-1])
    assert total * series.bin_seconds == pytest.approx(sum(recorded(events, "victim").values()), rel=0.08)


def test_counts_per_phase_are_those_of_the_verdict() -> None:
    events = histories.failing()
    summary = analyse(events)
    counts = make_series(events, summary).probes[0].counts

    judged = {result.phase: result.n for result in summary.objectives if result.objective == "availability"}
    assert {phase: sum(kinds.values()) for phase, kinds in counts.items()} == judged


def test_requests_that_were_never_answered_are_shown_as_such() -> None:
    events = copy.deepcopy(histories.passing())
    for event in events:
        if event["kind"] == "frame" and event["at"] > histories.START + 18:
            event["streams"]["victim"]["planned"] += 30

    lost = [points for points in series_of(events).probes[0].points if points.kind == UNANSWERED]

    assert sum(lost[0].count) == 30
    assert all(17 < at < 19.5 for at in lost[0].at)
    assert min(lost[0].seconds) > 10


def test_faults_and_phases_are_where_they_were() -> None:
    series = series_of(histories.guarded())

    (shade,) = series.faults
    assert shade.label == "handler_dos: occupy"
    assert shade.start == pytest.approx(13.6, abs=0.1)
    assert shade.end == pytest.approx(16.6, abs=0.1)
    assert [phase for phase, _start, _end in series.phases] == ["baseline", "fault", "recovery"]


def test_a_fault_that_nobody_reverted_lasts_to_the_end() -> None:
    series = series_of(histories.broken_off())

    assert series.faults[0].end == pytest.approx(series.seconds)


def test_nothing_recorded_gives_empty_series() -> None:
    series = series_of(histories.empty())

    assert series.probes[0].points == ()
    assert series.probes[0].p99.values == []
    assert [line.name for line in series.resources] == ["cpu", "rss", "processes", "fds", "threads"]
    assert len(series.noise) == 2


def test_hostile_traffic_of_the_fault_is_not_shown_as_a_probe() -> None:
    events = copy.deepcopy(histories.passing())
    before = series_of(events)
    frames = [copy.deepcopy(event) for event in events if event["kind"] == "frame"]
    for frame in frames:
        frame["worker"] = "fault:hostile:occupy"
    merged = sorted([*events, *frames], key=lambda event: float(event["at"]))
    merged = [event for event in merged if event["kind"] != "end"] + [events[-1]]

    assert series_of(merged).probes == before.probes
