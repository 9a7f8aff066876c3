"""What an analysis says of the faults of a run: what is not reverted, what they touched, what it lists once."""

from __future__ import annotations

import pytest

from chaos.analysis import analyse
from chaos.recording import record
from chaos.sla.results import Verdict
from chaos.summary import summary_document
from tests.story import PROBE, Event, Story, began, told


def test_a_fault_that_failed_while_it_was_to_hold_leaves_the_hypothesis_untested() -> None:
    failed = {
        "kind": "fault", "at": began("recovery") - 1, "event": "failed", "id": "handler_dos-1",
        "fault": "handler_dos", "model": "hostile", "arguments": {}, "reason": "its worker died",
    }  # fmt: skip
    summary = told(extra=[failed])

    assert summary.verdict is Verdict.UNKNOWN
    assert "not in force as planned, so the hypothesis was not tested: its worker died" in summary.reason


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
