"""A history becomes a verdict: what earns a pass, and every single thing that forbids one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jsonschema
import numpy as np
import pytest

from chaos.analysis import Summary, analyse
from chaos.errors import RunDirectoryError
from chaos.recording import record
from chaos.schemas import published
from chaos.sla.results import Verdict
from chaos.summary import summary_document
from chaos.traffic.histogram import buckets_of, slot_of
from chaos.traffic.spec import Outcome
from tests.properties.isolated import events_of
from tests.properties.isolated import record as isolation

PROBE: dict[str, Any] = {
    "name": "victim",
    "model": "victim",
    "payload": {"nonce": "{nonce}"},
    "schedule": {"arrival": "constant", "rate": 200},
    "timeout": 2.0,
    "objectives": [
        {"sli": "availability", "at_least": 0.99},
        {"sli": "correctness", "at_least": 1.0},
        {"sli": "latency", "quantile": 0.99, "at_most_ratio": 3, "phases": ["fault", "recovery"]},
    ],
}

Event = dict[str, Any]
START = 1000.0
PHASES = {"warmup": 1.0, "baseline": 4.0, "fault": 4.0, "recovery": 4.0}


def began(phase: str) -> float:
    """The instant at which a phase begins in the run of these tests."""
    names = list(PHASES)
    return START + sum(PHASES[name] for name in names[: names.index(phase)])


@dataclass
class Story:
    """A whole run in the history's own words, to be changed by each test in one respect."""

    slow: float = 1.0
    """How many times slower the victim is while the fault is in force."""
    failing: float = 0.0
    """The share of its requests that fail then."""
    noise: float = 0.0
    """Seconds added to the null probe's latency then."""
    drop: tuple[str, ...] = ()
    """Kinds of events, or ``kind:event``, that are left out."""
    extra: list[Event] = field(default_factory=list)
    end: Event = field(default_factory=lambda: {"status": "completed", "deviated": False, "reason": ""})
    probes: list[dict[str, Any]] = field(default_factory=lambda: [PROBE])
    checks: list[dict[str, Any]] = field(default_factory=list)

    def events(self) -> list[Event]:
        """The history, oldest first."""
        end = START + sum(PHASES.values())
        lease = {
            "id": "handler_dos-1",
            "fault": "handler_dos",
            "model": "hostile",
            "arguments": {"mode": "burn"},
        }
        events: list[Event] = [{"kind": "phase", "at": began(phase), "phase": phase} for phase in PHASES]
        events += [
            {"kind": "fault", "at": began("fault") - 0.01, "event": "intent", "reason": "", **lease},
            {"kind": "fault", "at": began("fault") + 0.1, "event": "injected", "reason": "", **lease},
            {"kind": "fault", "at": began("recovery"), "event": "reverted", "reason": "as planned", **lease},
            {"kind": "phase", "at": end, "phase": "end"},
            {"kind": "end", "at": end + 0.2, **self.end},
            *self.frames(),
            *self.extra,
        ]
        events = [e for e in events if not {e["kind"], f"{e['kind']}:{e.get('event')}"} & set(self.drop)]
        run = {
            "kind": "run", "at": START, "run_id": "r1", "seed": 7, "target": "embedded", "defects": [],
            "title": "Isolation", "experiment": "e.json", "version": "0", "wall": 1.7e9, "command": "chaos run",
            "replay": "chaos run --var seed=7", "probes": self.probes, "phases": {},
            "checks": self.checks,
        }  # fmt: skip
        return [run, *sorted(events, key=lambda event: float(event["at"]))]

    def frames(self) -> list[Event]:
        """Ten frames a second of a probe of 200 requests a second, a null probe, and hostile traffic."""
        rng = np.random.default_rng(3)
        frames, planned = [], 0
        for slot in range(slot_of(START), slot_of(START + sum(PHASES.values()))):
            struck = began("fault") <= (slot + 0.5) / 10 < began("recovery")
            latency = rng.lognormal(np.log(0.005), 0.3, 20) * (self.slow if struck else 1.0)
            failed = rng.random(20) < (self.failing if struck else 0.0)
            outcomes = np.where(failed, Outcome.HTTP_5XX, Outcome.OK)
            planned += 20
            echo = buckets_of(rng.lognormal(np.log(0.0002), 0.2, 10) + (self.noise if struck else 0.0))
            streams = {
                "victim": self.entry(slot, outcomes, buckets_of(latency), planned),
                "null": self.entry(slot, np.zeros(10), echo, planned // 2),
            }
            frames.append({"kind": "frame", "at": (slot + 1) / 10, "worker": "probes", "streams": streams})
            hostile = {
                "victim": self.entry(slot, np.full(5, Outcome.TIMEOUT), np.full(5, 1500), planned // 4)
            }
            frames.append({"kind": "frame", "at": (slot + 1) / 10, "worker": "fault:x", "streams": hostile})
        return frames

    @staticmethod
    def entry(slot: int, outcomes: Any, buckets: Any, planned: int) -> dict[str, Any]:
        """One stream's part of a frame."""
        cells = [[slot, int(o), int(b), 1] for o, b in zip(outcomes, buckets, strict=True)]
        late = [[int(buckets_of(np.array(1e-4))), len(cells)]]
        return {
            "cells": cells,
            "late": late,
            "planned": planned,
            "done": planned,
            "sent": planned,
            "in_flight": 0,
        }


def told(**changes: Any) -> Summary:
    """The summary of a story."""
    return analyse(Story(**changes).events())


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


def test_a_fault_that_failed_while_it_was_to_hold_leaves_the_hypothesis_untested() -> None:
    failed = {
        "kind": "fault", "at": began("recovery") - 1, "event": "failed", "id": "handler_dos-1",
        "fault": "handler_dos", "model": "hostile", "arguments": {}, "reason": "its worker died",
    }  # fmt: skip
    summary = told(extra=[failed])

    assert summary.verdict is Verdict.UNKNOWN
    assert "not in force as planned, so the hypothesis was not tested: its worker died" in summary.reason


ONCE = {"check": "executed_once"}
EXECUTIONS: Event = {
    "kind": "executions", "at": START + 13, "counted": True, "total": 9000, "models": {"victim": 9000},
    "repeated": [], "repeats": 0,
}  # fmt: skip
TWICE = EXECUTIONS | {"repeats": 1, "repeated": [["victim", "ab-7", 2]]}


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


def left(at: float) -> Event:
    """The fault could not be reverted."""
    return {
        "kind": "fault", "at": at, "event": "not reverted", "id": "handler_dos-1", "fault": "handler_dos",
        "model": "hostile", "arguments": {}, "reason": "kill pid 7 by hand",
    }  # fmt: skip


def test_a_fault_that_could_not_be_reverted_is_said_first_whatever_the_verdict() -> None:
    drop = ("fault:reverted",)
    held = told(drop=drop, extra=[left(began("recovery"))])
    failed = told(drop=drop, extra=[left(began("recovery"))], slow=40.0)

    told_by_hand = (
        "fault handler_dos-1 (handler_dos on 'hostile') could not be reverted, and may still be in force"
    )
    assert held.verdict is Verdict.UNKNOWN
    assert held.reason == f"F{told_by_hand[1:]}: kill pid 7 by hand."
    assert held.problems == (f"{told_by_hand}: kill pid 7 by hand",)
    assert failed.verdict is Verdict.FAIL
    assert failed.reason.endswith("may still be in force: kill pid 7 by hand.")
    assert [fault.id for fault in held.left] == ["handler_dos-1"]


def test_a_fault_that_was_reverted_at_last_is_not_left() -> None:
    summary = told(extra=[left(began("recovery") - 0.5)])

    assert (summary.verdict, summary.left) == (Verdict.PASS, ())


def test_a_probe_may_go_through_a_link() -> None:
    summary = told(probes=[PROBE | {"via": "client"}])

    assert summary.verdict is Verdict.PASS
    assert record(Story(probes=[PROBE | {"via": "client"}]).events()).via == {"victim": "client"}


def test_what_a_fault_touched_and_what_reverting_it_did_is_kept() -> None:
    events = Story().events()
    for event in events:
        if event.get("event") == "injected":
            event["touches"] = ["the workers of 'hostile'"]
        if event.get("event") == "reverted":
            event["did"] = "ended the traffic"
    (fault,) = analyse(events).faults

    assert (fault.touches, fault.did, fault.left) == (("the workers of 'hostile'",), "ended the traffic", "")
    assert fault.begun == pytest.approx(began("fault") - 0.01)
    assert summary_document(analyse(events))["faults"][0]["did"] == "ended the traffic"


def test_what_ran_is_said_once_for_each_kind_of_fault() -> None:
    again = [
        event | {"id": "handler_dos-2", "at": event["at"] + 0.001}
        for event in Story().events()
        if event["kind"] == "fault"
    ]

    assert told(extra=again).reason.endswith(" held while handler_dos ran 2 times for 7.8 s.")


def test_a_guard_is_listed_once_however_often_it_said_so() -> None:
    trips = [
        {"kind": "guard", "at": 1007.0 + i, "probe": "victim", "guard": 0, "burn": 20.0} for i in range(5)
    ]

    assert [guard["at"] for guard in told(extra=trips).guards] == [1007.0]


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


def test_a_measured_property_that_holds_earns_a_pass_without_a_fault() -> None:
    summary = told(drop=("fault",), extra=events_of(isolation()))

    assert summary.verdict is Verdict.PASS, summary.reason
    assert summary.reason == "All 8 objectives and 1 cell held while isolation was measured."
    assert summary.problems == ()


def test_a_measured_property_that_does_not_hold_fails_the_run() -> None:
    summary = told(extra=events_of(isolation(slow={"crash": 30.0})))

    assert summary.verdict is Verdict.FAIL
    assert summary.reason.startswith(
        "Isolation of custom model handlers failed: under crash, the victim's p90 latency was"
    )
    document = summary_document(summary)
    jsonschema.validate(document, published()["summary"])
    (cell,) = document["cells"]
    assert (cell["api"], cell["code"], cell["verdict"]) == ("handlers", "C", "fail")
    assert cell["estimate"] > 20 > cell["limit"]


def test_a_property_that_asks_for_what_the_target_lacks_makes_the_run_unknown() -> None:
    summary = told(extra=events_of(isolation(), "not applicable", "target x: makes no batches"))

    assert summary.verdict is Verdict.UNKNOWN
    assert (
        summary.reason == "Isolation of custom model handlers could not be told: target x: makes no batches."
    )
    assert summary_document(summary)["cells"][0]["verdict"] == "not_applicable"


def test_a_cell_that_broke_off_is_no_pass() -> None:
    events = events_of(isolation())[:-1]

    assert told(drop=("fault",), extra=events).verdict is Verdict.UNKNOWN


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


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"slow": 40.0, "failing": 0.3},
        {"drop": ("frame",)},
        {"drop": ("end", "fault")},
        {"checks": [ONCE, {"check": "spared", "probe": "victim"}]},
    ],
)
def test_the_summary_document_is_valid_against_its_schema(changes: dict[str, Any]) -> None:
    trip = {"kind": "guard", "at": 1007.0, "probe": "victim", "guard": 0, "burn": 20.0}
    document = summary_document(told(**changes, extra=[trip]))

    text = json.dumps(document, allow_nan=False)
    jsonschema.validate(json.loads(text), published()["summary"])
    assert document["started"] == "2023-11-14T22:13:20.000+00:00"
    assert document["guards"] == [{"probe": "victim", "guard": 0, "at": 7.0, "burn": 20.0}]
    assert [phase["start"] for phase in document["phases"]] == [1.0, 5.0, 9.0]


def test_the_schema_refuses_a_summary_without_a_verdict() -> None:
    document = summary_document(told())
    del document["verdict"]

    with pytest.raises(jsonschema.ValidationError, match="verdict"):
        jsonschema.validate(document, published()["summary"])
