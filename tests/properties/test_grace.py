"""H, judged: what is counted as lost, cut, misgiven or left, and what cannot be told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.cells.grace import GraceProcedure
from chaos.history import Event
from chaos.properties.base import CannotTell, Measure
from chaos.properties.grace import GRACE, How, drain_bound
from chaos.properties.record import CellRecord
from chaos.sla.results import Verdict

SETTINGS = GraceProcedure.defaults
WORKERS, LONGS = int(SETTINGS["workers"]), int(SETTINGS["longs"])
LONG = SETTINGS["long_ms"] / 1000
CALL = 100.0
BEFORE, LEFT = [1, 2, 3], [1, 2]


def asked(sent: float, ended: float, *, long: bool = False, **values: Any) -> dict[str, Any]:
    told = {"status": 200, "problem": "", "pid": 1, **values}
    return {"long": long, "sent": CALL + sent, "ended": CALL + ended, **told}


def burst() -> list[dict[str, Any]]:
    """The long ones of a correct server that scales down: worker 3 ends the one it has."""
    first = [asked(-0.4, LONG - 0.4, long=True, pid=pid) for pid in BEFORE]
    rest = [asked(-0.4, 2 * LONG, long=True, pid=1 + number % 2) for number in range(LONGS - WORKERS)]
    return first + rest


def record(
    *requests: dict[str, Any],
    how: How = "fewer",
    seconds: float = 0.5,
    outcome: str = "ok",
    left: list[int] | None = None,
    after: list[int] = LEFT,
    long: list[dict[str, Any]] | None = None,
) -> CellRecord:
    """A cell of one round; its requests are the burst and these."""
    events: list[Event] = [
        {"kind": "note", "at": CALL, "about": "asked", "round": 0, **each}
        for each in [*(burst() if long is None else long), *requests]
    ]
    call = {"operation": "scale", "model": "m", "outcome": outcome, "status": 0, "detail": "no"}
    events.append({"kind": "call", "at": CALL, "round": 0, "start": CALL, "end": CALL + seconds, **call})
    told = {"how": how, "bound": drain_bound(how, SETTINGS), "before": BEFORE, "after": after}
    events.append(
        {
            "kind": "note",
            "at": CALL,
            "about": "round",
            "round": 0,
            **told,
            "gone": None if left else CALL + 1,
            "left": left or [],
        }
    )
    return CellRecord("scale", "H", 1, SETTINGS, 0.0, 200.0, "measured", "", tuple(events))


def judged(cell: CellRecord) -> dict[str, Measure]:
    return {measure.name: measure for measure in GRACE.judge(cell)}


def failed(cell: CellRecord) -> list[str]:
    return [name for name, measure in judged(cell).items() if measure.verdict is Verdict.FAIL]


def test_a_correct_server_passes() -> None:
    measures = judged(record(asked(-0.2, 0.1), asked(1.0, 1.2)))

    assert {measure.verdict for measure in measures.values()} == {Verdict.PASS}
    assert measures["admitted requests lost"].n == LONGS
    assert measures["later requests broken"].n == 2, "one that was sent with the operation is not admitted"


@pytest.mark.parametrize("values", [{"status": 507}, {"status": 0, "problem": "cut"}, {"problem": "wrong"}])
def test_an_admitted_request_that_is_not_answered_rightly_is_lost(values: dict[str, Any]) -> None:
    cell = record(asked(-0.35, 0.5, **values))

    assert failed(cell) == ["admitted requests lost"]
    assert f"1 x {values.get('problem') or 507}" in judged(cell)["admitted requests lost"].reason


def test_whoever_comes_late_may_be_refused_only_where_nobody_is_left() -> None:
    refused = asked(0.6, 0.61, status=503, pid=None)

    assert failed(record(refused)) == ["later requests broken"]
    assert failed(record(refused, how="zero", after=[])) == []
    assert failed(record(asked(0.6, 5.6, status=0, problem="no answer"), how="zero", after=[])) == [
        "later requests broken"
    ]
    assert failed(record(asked(0.6, 0.7, status=500), how="unregister", after=[])) == [
        "later requests broken"
    ]


def test_what_a_leaving_worker_is_given_is_told_by_its_answer() -> None:
    given_late, given_before = asked(0.9, 0.92, pid=3), asked(-0.4, 0.45, pid=3)

    assert failed(record(given_late)) == ["given to leaving workers"]
    assert failed(record(given_before)) == []
    assert failed(record(asked(0.9, 0.92, pid=2))) == [], "it stays"
    assert failed(record(given_late, how="zero", after=[])) == ["given to leaving workers"]


def test_what_is_not_done_in_time_or_not_gone_fails() -> None:
    assert failed(record(seconds=30.0)) == ["time to drain"]
    assert failed(record(outcome="info")) == ["operations not done"]
    assert failed(record(left=[3])) == ["processes left"]


@given(st.floats(0.0, 20.0))
def test_the_time_to_drain_is_held_against_its_bound(seconds: float) -> None:
    cell = record(seconds=seconds)

    measure = judged(cell)["time to drain"]
    assert measure.timed
    assert (measure.verdict is Verdict.PASS) is (measure.estimate is not None and measure.estimate <= 3.9)


def test_the_bound_grows_with_what_waits_for_the_workers_that_are_left() -> None:
    assert drain_bound("zero", SETTINGS) == pytest.approx(3 * LONG + SETTINGS["slack"])
    assert drain_bound("fewer", SETTINGS) == pytest.approx(4 * LONG + SETTINGS["slack"])


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (record(long=burst()[:WORKERS]), "3 requests were under way"),
        (record(long=[asked(-2.0, -1.0, long=True)] * LONGS), "0 requests were under way"),
        (record(after=BEFORE), "the same worker processes"),
        (record(after=[]), "did not tell the processes of its workers after"),
        (record(long=[{**one, "pid": None} for one in burst()]), "names the worker process"),
        (CellRecord("scale", "H", 1, SETTINGS, 0.0, 1.0, "measured", "", ()), "no worker was taken away"),
    ],
)
def test_what_was_not_measured_is_not_judged(cell: CellRecord, words: str) -> None:
    with pytest.raises(CannotTell, match=words):
        GRACE.judge(cell)


def test_the_figure_is_a_timeline() -> None:
    (one,) = GRACE.figure(record(asked(-0.6, -0.5), asked(1.0, 1.2)))["rounds"]

    assert (one["start"], one["end"], one["gone"]) == (0.6, 1.1, 1.6)
    assert one["leaving"] == [3]
    assert one["requests"][0] == {
        "long": False,
        "status": 200,
        "problem": "",
        "pid": 1,
        "sent": 0.0,
        "ended": pytest.approx(0.1),
    }
