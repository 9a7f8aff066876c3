"""A history becomes a verdict: what earns a pass, and every single thing that forbids one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chaos.analysis import analyse
from chaos.errors import RunDirectoryError
from chaos.sla.results import Verdict
from tests.story import EXECUTIONS, ONCE, TWICE, Event, Story, began, told


def test_a_run_in_which_everything_held_is_a_pass() -> None:
    summary = told()

    assert summary.verdict is Verdict.PASS, summary
    assert summary.reason == "All 8 objectives held while handler_dos ran for 3.9 s."
    assert summary.problems == ()
    assert [(w.phase, w.seconds) for w in summary.windows] == [
        ("baseline", 4.0), ("fault", 4.0), ("recovery", 4.0),
    ]  # fmt: skip
    assert {r.n for r in summary.objectives} <= set(range(780, 821))
    assert summary.faults[0].seconds == pytest.approx(3.9)
    assert [noise.phase for noise in summary.noise] == ["baseline", "fault", "recovery"]
    assert summary.noise[0].late_p99 == pytest.approx(1e-4, rel=0.01)


def test_a_slow_victim_fails_where_and_by_how_much() -> None:
    summary = told(slow=40.0)

    assert summary.verdict is Verdict.FAIL
    failed = [r for r in summary.objectives if r.verdict is Verdict.FAIL]
    assert [(r.objective, r.phase) for r in failed] == [("p99 latency ratio", "fault")]
    assert failed[0].estimate == pytest.approx(40, rel=0.2)
    assert summary.reason.startswith("p99 latency ratio of 'victim' failed during the fault: ")
    assert "times the baseline" in summary.reason
    assert summary.reason.endswith("limit 3.")


def test_requests_that_fail_are_told_as_a_share() -> None:
    summary = told(failing=0.2)

    assert summary.verdict is Verdict.FAIL
    assert summary.reason.startswith("Availability of 'victim' failed during the fault: ")
    assert "1 more objective failed too." in summary.reason


def test_slowness_that_the_null_probe_shares_is_no_failure_of_the_target() -> None:
    assert told(slow=40.0, noise=0.5).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({"drop": ("end",)}, Verdict.UNKNOWN, "broke off"),
        ({"end": {"status": "interrupted", "deviated": False, "reason": ""}}, Verdict.UNKNOWN, "interrupted"),
        ({"drop": ("fault",)}, Verdict.UNKNOWN, "no fault was injected"),
        ({"drop": ("fault:injected",)}, Verdict.UNKNOWN, "was not injected"),
        ({"drop": ("fault:reverted",)}, Verdict.UNKNOWN, "nothing says that it was reverted"),
        ({"extra": [{"kind": "problem", "at": 1003.0, "text": "it rained"}]}, Verdict.UNKNOWN, "it rained"),
        (
            {"extra": [{"kind": "worker", "at": 1003.0, "worker": "probes", "pid": 1, "event": "died"}]},
            Verdict.UNKNOWN,
            "'probes' died",
        ),
        ({"end": {"status": "completed", "deviated": True, "reason": ""}}, Verdict.FAIL, "deviated"),
        (
            {"extra": [{"kind": "guard", "at": 1007.0 + i, "probe": "victim", "guard": 0, "burn": 20} for i in (0, 1)]},
            Verdict.FAIL,
            "guard of 'victim' stopped the fault after 7 s",
        ),
        ({"drop": ("frame",)}, Verdict.UNKNOWN, "not one request"),
        ({"probes": []}, Verdict.UNKNOWN, "nothing was judged"),
    ],
)  # fmt: skip
def test_each_thing_that_forbids_a_pass(changes: dict[str, Any], verdict: Verdict, words: str) -> None:
    summary = told(**changes)

    assert summary.verdict is verdict
    assert words.lower() in summary.reason.lower()


def test_checks_stand_beside_objectives() -> None:
    summary = told(checks=[ONCE], extra=[EXECUTIONS])

    assert summary.verdict is Verdict.PASS, summary
    assert summary.reason == "All 8 objectives and 1 check held while handler_dos ran for 3.9 s."
    assert [check.verdict for check in summary.checks] == [Verdict.PASS]


def test_a_check_that_failed_fails_the_run_although_every_objective_held() -> None:
    summary = told(checks=[ONCE], extra=[TWICE])

    assert summary.verdict is Verdict.FAIL
    assert summary.reason == (
        "Check executed_once failed: 1 of 9000 executions were repetitions: request 'ab-7' to model 'victim' was "
        "executed 2 times."
    )


def test_what_else_failed_is_counted() -> None:
    summary = told(checks=[ONCE, ONCE], extra=[TWICE], slow=40.0)

    assert summary.reason.endswith("executed 2 times. 1 more check and 1 objective failed too.")


def test_a_check_without_evidence_is_never_a_pass() -> None:
    summary = told(checks=[ONCE, {"check": "survivors"}])

    assert summary.verdict is Verdict.UNKNOWN
    assert summary.reason.startswith("Check executed_once could not be told: executions were not recorded")
    assert summary.reason.endswith(". 1 more check could not be told too.")


def test_checks_that_held_do_not_stand_for_objectives() -> None:
    assert told(checks=[ONCE], extra=[EXECUTIONS], probes=[]).verdict is Verdict.UNKNOWN


def test_an_objective_of_a_phase_that_never_happened_is_unknown() -> None:
    events = [
        event for event in Story().events() if not (event["kind"] == "phase" and event["phase"] == "recovery")
    ]
    summary = analyse(events)

    assert summary.verdict is Verdict.UNKNOWN
    assert "the recovery phase never happened" in summary.reason


def test_requests_that_never_completed_are_failures_where_they_were_planned() -> None:
    events = Story().events()
    for event in events:
        if event["kind"] == "frame" and event["worker"] == "probes" and event["at"] > began("fault") + 2:
            event["streams"]["victim"]["planned"] += 50
    availability = {r.phase: r for r in analyse(events).objectives if r.objective == "availability"}

    assert availability["fault"].verdict is Verdict.FAIL
    assert availability["fault"].n == pytest.approx(850, abs=20)
    assert "50 never completed" in availability["fault"].reason
    assert availability["recovery"].estimate == 1.0


def test_requests_in_flight_when_the_history_broke_off_are_no_failures_of_the_target() -> None:
    events = [event for event in Story().events() if event["at"] < began("recovery") + 2]
    frames = [event for event in events if event["kind"] == "frame" and event["worker"] == "probes"]
    for frame in frames[-10:]:
        frame["streams"]["victim"]["planned"] += 50
    summary = analyse(events)

    assert summary.verdict is Verdict.UNKNOWN
    assert all(r.estimate == 1.0 for r in summary.objectives if r.objective == "availability")


def test_every_prefix_of_a_history_is_judged_and_never_passes() -> None:
    events = Story().events()

    for length in [*range(1, 30), *range(30, len(events), 17)]:
        assert analyse(events[:length]).verdict is not Verdict.PASS


def test_the_same_history_yields_the_same_summary() -> None:
    assert told(slow=2.5) == told(slow=2.5)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda events: events.clear(),
        lambda events: events.pop(0),
        lambda events: events[0].pop("seed"),
        lambda events: events[0].pop("replay"),
        lambda events: events[0].update(probes=[{"name": "x"}]),
        lambda events: next(e for e in events if e.get("worker") == "probes").pop("streams"),
        lambda events: next(e for e in events if e["kind"] == "fault").pop("id"),
        lambda events: next(e for e in events if e["kind"] == "phase").pop("phase"),
    ],
)
def test_what_is_no_history_is_refused_in_one_line(spoil: Callable[[list[Event]], object]) -> None:
    events = Story().events()
    spoil(events)

    with pytest.raises(RunDirectoryError):
        analyse(events)
