"""E on simulated servers whose concurrency is known: what is there is found, and so is what is missing."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.properties.base import CannotTell, Measure
from chaos.properties.concurrency import Concurrency, level_name, rate
from chaos.properties.record import CellRecord, Requests
from chaos.sla.results import Verdict
from chaos.traffic.spec import Outcome

SERVICE = 0.04
SECONDS = 1.5


def _closed(
    users: int, workers: int, service: float = SERVICE, rest: float = 0.002, newest_first: bool = False
) -> list[list[float]]:
    """Rows of closed users of a server with so many workers, which rest for a moment after each request."""
    free = [0.0] * workers
    waiting = [(number * 1e-4, number) for number in range(users)]
    rows: list[list[float]] = []
    while waiting:
        waiting.sort()
        begun = heapq.heappop(free)
        here = [entry for entry in waiting if entry[0] <= begun] or waiting[:1]
        entry = here[-1] if newest_first else here[0]
        waiting.remove(entry)
        begun = max(begun, entry[0])
        ended = begun + service
        rows.append([entry[0], entry[0], ended, Outcome.OK])
        heapq.heappush(free, ended + rest)
        if ended < SECONDS:
            waiting.append((ended, entry[1]))
    return rows


def _record(
    levels: Mapping[int, list[list[float]]],
    places: int | None,
    more: list[dict[str, Any]] | None = None,
    api: str = "inference",
) -> CellRecord:
    events: list[dict[str, Any]] = [
        {"kind": "note", "at": 0.0, "about": "places", "places": places, "service": places and SERVICE}
    ]
    for users, rows in levels.items():
        events.append({"kind": "requests", "at": 0.0, "load": level_name(users), "rows": rows})
        at = {"start": SECONDS / 4, "end": SECONDS}
        level = {"about": "level", "load": level_name(users), "users": users}
        events.append({"kind": "note", "at": 0.0, **level, **at})
    return CellRecord(api, "E", 1, {}, 0.0, 10.0, "measured", "", (*events, *(more or [])))


def _judged(record: CellRecord) -> dict[str, Measure]:
    return {measure.name: measure for measure in Concurrency().judge(record)}


def _levels(workers: int, most: int, **how: Any) -> dict[int, list[list[float]]]:
    users = [1]
    while users[-1] < most:
        users.append(min(2 * users[-1], most))
    return {each: _closed(each, workers, **how) for each in users}


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(2, 5))
def test_all_places_in_use_pass(workers: int, beyond: int) -> None:
    found = _judged(_record(_levels(workers, beyond * workers), workers))
    assert {measure.verdict for measure in found.values()} == {Verdict.PASS}, found
    used = found["places in use"]
    assert used.estimate == pytest.approx(SERVICE / (SERVICE + 0.002), rel=0.03)
    assert used.low is not None
    assert used.high is not None
    assert used.estimate is not None
    assert used.low <= used.estimate <= used.high
    assert used.timed


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 12), st.integers(0, 3))
def test_fewer_or_more_workers_than_configured_fail(workers: int, extra: int) -> None:
    few = _judged(_record(_levels(workers - 1, 4 * workers), workers))
    assert few["places in use"].verdict is (Verdict.FAIL if workers < 5 else few["places in use"].verdict)
    assert few["places in use"].estimate == pytest.approx((workers - 1) / workers, rel=0.1)
    many = _judged(_record(_levels(2 * workers + extra, 4 * workers), workers))
    assert many["places in use at most"].verdict is Verdict.FAIL


def test_workers_that_rest_after_each_request_fail() -> None:
    found = _judged(_record(_levels(2, 8, rest=0.02), 2))
    assert found["places in use"].verdict is Verdict.FAIL
    assert "at a time, where 2 places of 40 ms make 50 a second" in found["places in use"].reason


def test_the_saturation_point_is_where_the_users_have_all_places() -> None:
    figure = Concurrency().figure(_record({users: _closed(users, 4) for users in (1, 2, 3, 4, 8, 16)}, 4))
    assert figure["knee"] == [3, 4]
    assert figure["capacity"] == pytest.approx(100.0)
    assert figure["places"] == 4
    assert figure["users"] == [1, 2, 3, 4, 8, 16]
    assert figure["throughput"][-1] == pytest.approx(4 / 0.042, rel=0.05)
    assert figure["latency"][-1] == pytest.approx(16 / (4 / 0.042), rel=0.1)
    assert all(low <= high for low, high in zip(figure["low"], figure["high"], strict=True))


def test_more_users_than_it_should_take_to_saturate_it_fail() -> None:
    """A server far away, or with pauses of its own: its places are full only when many more requests are under way."""

    def far(users: int) -> list[list[float]]:
        return [[start, start, end + 0.3, 0.0] for start, _, end, _ in _closed(users, 2)]

    levels = {users: _closed(users, 1) if users < 8 else far(users) for users in (1, 2, 4, 8, 16)}
    found = _judged(_record(levels, 2))
    assert found["saturation point"].verdict is Verdict.FAIL


def test_who_serves_the_newest_first_starves_the_others() -> None:
    found = _judged(_record(_levels(2, 8, newest_first=True), 2))
    assert found["places in use"].verdict is Verdict.PASS
    assert found["longest wait"].verdict is Verdict.FAIL


def test_what_is_refused_fails_and_is_no_matter_of_time() -> None:
    levels = _levels(2, 8)
    levels[4][3][3] = Outcome.HTTP_5XX
    answered = _judged(_record(levels, 2))["requests not answered"]
    assert (answered.verdict, answered.estimate, answered.timed) == (Verdict.FAIL, 1, False)
    assert "'4 users'" in answered.reason


def test_of_two_loads_by_the_same_users_the_better_counts() -> None:
    levels = _levels(2, 8)
    again: list[dict[str, Any]] = []
    for name, rows in (("disturbed", _closed(8, 1)), ("again", _closed(8, 2))):
        level = {"about": "level", "load": name, "users": 8, "start": SECONDS / 4, "end": SECONDS}
        again += [
            {"kind": "requests", "at": 0.0, "load": name, "rows": rows},
            {"kind": "note", "at": 0.0, **level},
        ]
    record = _record(levels, 2, again)
    assert _judged(record)["places in use"].verdict is Verdict.PASS
    assert Concurrency().figure(record)["users"] == [1, 2, 4, 8]


def test_throughput_that_collapses_fails() -> None:
    levels = {users: _closed(users, 1, service=0.002 * users, rest=0.0) for users in (1, 4, 16)}
    found = _judged(_record(levels, None, api="list"))
    assert found["throughput kept"].verdict is Verdict.FAIL
    kept = {users: _closed(users, 1, service=0.002, rest=0.0) for users in (1, 4, 16)}
    assert _judged(_record(kept, None, api="list"))["throughput kept"].verdict is Verdict.PASS


def _readers(blocked: float, seconds: float = 0.5, cycles: int = 6) -> list[dict[str, Any]]:
    """Readers every 25 ms, who wait for the blocked share of each slow operation."""
    rows: list[list[float]] = []
    calls: list[dict[str, Any]] = []
    for cycle in range(cycles):
        start, end = 10.0 + cycle, 10.0 + cycle + seconds
        came = np.arange(start, end, 0.025).tolist()
        rows += [[at, at, max(at + 0.002, start + blocked * seconds), Outcome.OK] for at in came]
        told = {"outcome": "ok", "status": 200, "detail": "", "model": "m"}
        calls.append(
            {"kind": "call", "at": end, "operation": "unregister", "start": start, "end": end, **told}
        )
    return [{"kind": "requests", "at": 0.0, "load": "readers", "rows": rows}, *calls]


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0, 0.9))
def test_readers_who_wait_for_a_slow_operation_fail(blocked: float) -> None:
    levels = {users: _closed(users, 1, service=0.004, rest=0.0) for users in (1, 4)}
    found = _judged(_record(levels, None, _readers(blocked), "list"))
    wait = found["wait behind unregister"]
    assert wait.estimate == pytest.approx(max(blocked, 0.004), abs=0.06)
    if abs(blocked - 0.5) > 0.05:
        assert wait.verdict is (Verdict.FAIL if blocked > 0.5 else Verdict.PASS)
    waits = Concurrency().figure(_record(levels, None, _readers(blocked), "list"))["waits"]
    assert [wait["operation"] for wait in waits] == ["unregister"] * 6


@pytest.mark.parametrize(("seconds", "cycles"), [(0.1, 6), (0.5, 5)])
def test_operations_that_are_quick_or_few_are_no_evidence(seconds: float, cycles: int) -> None:
    levels = {users: _closed(users, 1, service=0.004, rest=0.0) for users in (1, 4)}
    found = _judged(_record(levels, None, _readers(0.0, seconds, cycles), "list"))
    assert found["wait behind operations"].verdict is Verdict.UNKNOWN


def test_without_slow_operations_the_load_alone_is_judged() -> None:
    levels = {users: _closed(users, 1, service=0.004, rest=0.0) for users in (1, 4)}
    assert list(_judged(_record(levels, None, api="list"))) == [
        "throughput kept",
        "longest wait",
        "requests not answered",
    ]


def test_a_harness_that_does_not_keep_its_users_at_work_cannot_tell() -> None:
    levels = _levels(2, 8)
    levels[8] = [row for row in levels[8] if int(row[0] * 1e4) % 2]
    with pytest.raises(CannotTell, match="of 8 users"):
        _judged(_record(levels, 2))


def test_broken_records_cannot_be_told() -> None:
    with pytest.raises(CannotTell, match="no users"):
        Concurrency().judge(CellRecord("list", "E", 1, {}, 0.0, 1.0, "measured", "", ()))
    unsaid = _record(_levels(1, 4), 1)
    with pytest.raises(CannotTell, match="how much the configuration"):
        Concurrency().judge(replace(unsaid, events=unsaid.events[1:]))
    with pytest.raises(CannotTell, match="no users"):
        _judged(_record({}, 2))
    few = _record({1: _closed(1, 2), 4: [[0.0, 0.0, 3.0, Outcome.OK]] * 4}, 2)
    with pytest.raises(CannotTell, match="of 4 users too few"):
        _judged(few)
    assert Concurrency().figure(few)["users"] == [1], "it shows what there is"
    assert Concurrency().figure(_record({4: [[0.0, 0.0, 3.0, Outcome.OK]] * 4}, 2))["knee"] is None


def test_where_all_time_out_that_is_what_fails() -> None:
    found = _judged(_record({1: _closed(1, 2), 4: [[0.0, 0.0, 3.0, Outcome.TIMEOUT]] * 4}, 2))
    assert [(name, measure.verdict) for name, measure in found.items()] == [
        ("requests not answered", Verdict.FAIL)
    ]


def test_a_rate_does_not_depend_on_where_bunches_fall() -> None:
    """Two workers in step: departures in pairs. Counted by time, one pair more or less is a tenth."""
    pairs = np.repeat(np.arange(0.0, 1.0, 0.042), 2)
    requests = Requests.of([[at - 0.04, at - 0.04, at, Outcome.OK] for at in pairs.tolist()])
    for start in np.arange(0.0, 0.042, 0.005).tolist():
        found = rate(requests, start, start + 0.75, 2)
        assert found is not None
        assert found.value == pytest.approx(2 / 0.042, rel=1e-6)
    assert rate(requests, 0.0, 0.1, 2) is None
