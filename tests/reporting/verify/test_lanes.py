"""The picture: a row a client, bars where operations were, faults shaded, looks marked, what is wrong with a cross."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from chaos.operations.checks.base import Violation
from chaos.operations.checks.judging import judge
from chaos.operations.record import ProgramRecord
from chaos.reporting.axes import Figure
from chaos.reporting.verify.lanes import lanes_figure
from chaos.reporting.verify.summary import summarise
from chaos.sla.results import Verdict
from tests.operations.synthetic import Story
from tests.reporting.verify.searches import HOSTILE, LOST, START, Run, failing, hostile, lost


def drawn(events: list[dict[str, Any]], *violations: Violation) -> Figure:
    return lanes_figure(ProgramRecord(events), violations)


def rows(figure: Figure) -> list[str]:
    return [re.sub("<[^>]*>", "", text) for text in figure["layout"]["yaxis"]["ticktext"]]


def traces(figure: Figure, kind: str, name: str = "") -> list[Figure]:
    return [each for each in figure["data"] if each["type"] == kind and name in each["name"]]


def test_there_is_a_row_for_each_fault_and_client_and_for_what_stood() -> None:
    figure = drawn(lost(1, START), LOST)

    assert rows(figure) == [
        "process stop on a",
        "1  register a (good, 2)",
        "✗ 3a  scale a to 3",
        "✗ 3b  scale a to 4, list",
        "3c  infer a",
        "✗ 5  describe a",
        "what stood",
    ]
    assert figure["layout"]["height"] > 7 * 20
    assert figure["layout"]["yaxis"]["range"] == [6.5, -0.5]


def test_bars_stand_where_operations_were() -> None:
    figure = drawn(lost(1, START), LOST)
    (ok,) = traces(figure, "bar", "answered as done")
    (info,) = traces(figure, "bar", "nobody knows")

    assert list(zip(ok["y"], ok["base"], ok["x"], strict=True)) == [
        (1, 0.002, 0.034), (2, 0.105, 0.061), (3, 0.1052, 0.048), (3, 0.156, 0.004), (5, 0.303, 0.003),
    ]  # fmt: skip
    assert (info["y"], info["x"]) == ([4], [0.15])
    assert ok["marker"]["line"]["color"][1] == {"css": "--fail"}
    assert ok["marker"]["line"]["color"][3] == {"css": "--ok"}
    assert "scale a to 3" in ok["customdata"][1]
    assert "answered 200 after 61 ms" in ok["customdata"][1]
    assert "✗ linearizability" in ok["customdata"][1]
    assert "no answer: connection reset" in info["customdata"][0]
    assert "told: desired 3, workers 3" in ok["customdata"][4]


def test_what_is_wrong_has_a_cross_unless_it_could_not_be_told() -> None:
    (crosses,) = traces(drawn(lost(1, START), LOST), "scatter", "found wrong")
    assert crosses["y"] == [2, 3, 5]

    unsure = Violation("linearizability", "too many", 1, (1,), Verdict.UNKNOWN)
    figure = drawn(lost(1, START), unsure)
    assert not traces(figure, "scatter", "found wrong")
    assert not any("✗" in row for row in rows(figure))


def test_a_fault_is_shaded_from_in_force_to_reverted() -> None:
    figure = drawn(lost(1, START))
    (shade,) = [each for each in figure["layout"]["shapes"] if "fault" in str(each.get("fillcolor"))]

    assert (shade["x0"], shade["x1"]) == (0.049, 0.262)
    (bar,) = traces(figure, "bar", "process stop on a")
    assert bar["customdata"] == ["process stop on a: from 49 ms to 262 ms"]


def test_a_fault_that_was_not_injected_or_not_reverted() -> None:
    failed = Run([], 1).fault(5, "intent").fault(6, "failed").call(10, 5, 0, "register").events
    assert "process stop on a" not in rows(drawn(failed))

    held = Run([], 1).fault(5, "intent").fault(6, "injected").call(10, 5, 0, "register").events
    (bar,) = traces(drawn(held), "bar", "process stop")
    assert bar["x"] == [0.009]
    assert "not seen reverted" in bar["customdata"][0]


def test_looks_that_did_not_come_to_rest_are_told_apart() -> None:
    events = (
        Run([], 1).call(1, 30, 0, "register").stood(8000, 0, rest=None, a=1).stood(8010, 1, "end", a=1).events
    )
    figure = drawn(events)
    (right,) = traces(figure, "scatter", "stood as it must")
    (wrong,) = traces(figure, "scatter", "stood otherwise")

    assert (
        "8 s, after step 1: it did not come to rest<br>a: 1 asked for, 1 ready, 1 alive"
        in wrong["customdata"][0]
    )
    assert "at the end: at rest after 10 ms" in right["customdata"][0]
    assert "cut where marked" in figure["layout"]["xaxis"]["title"]["text"]
    assert any("cut" in each["text"] for each in figure["layout"]["annotations"])
    assert figure["layout"]["xaxis"]["range"][1] < 1.0


def test_what_a_check_finds_in_a_record_is_what_is_marked() -> None:
    story = Story("a").call("register", "a", 1).standing(a=1)
    record = story.call("describe", "a", told={"desired": 2, "workers": 2}).end(a=1)
    figure = lanes_figure(record, judge(record))

    assert [row for row in rows(figure) if row.startswith("✗")] == ["✗ 2  describe a"]


def test_what_is_wrong_with_what_stood_is_marked_there() -> None:
    run = Run([], 1).call(1, 30, 0, "register").stood(40, 0, a=1).stood(50, 1, "end", a=1)
    run.stood(60, -1, "clean", rest=None, a=1)
    left = [Violation("rollback", "it left something", 0), Violation("release", "after all there is one")]
    (wrong,) = traces(drawn(run.events, *left), "scatter", "stood otherwise")

    assert wrong["x"] == [0.04, 0.06]
    assert "✗ rollback" in wrong["customdata"][0]
    assert "✗ release" in wrong["customdata"][1]


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_any_number_of_operations_has_room(count: int) -> None:
    run = Run([], 1)
    for number in range(count):
        run.call(10 * number, 8, number, "scale", workers=number)
    figure = drawn(run.events)

    height = figure["layout"]["height"]
    assert (height - 150) / max(count + 1, 5) < 26
    assert height >= 25 * (count + 1) + 60
    assert len(rows(figure)) == count + 1
    json.dumps(figure, allow_nan=False)


def test_a_retry_stands_behind_what_was_lost() -> None:
    run = Run([], 1).call(0, 8, 0, "register", "info", lost=True).call(9, 8, 0, "register", again=True)
    figure = drawn(run.events)

    assert rows(figure)[0] == "1  register a (good, 1), again"
    told = [text for trace in traces(figure, "bar") for text in trace["customdata"]]
    assert any("its answer let go of" in text for text in told)
    assert any("(asked again)" in text for text in told)


def test_texts_of_others_stay_texts() -> None:
    (failure,) = summarise(hostile()).failures
    assert failure.record is not None
    text = json.dumps(lanes_figure(failure.record, failure.violations))

    assert not re.search(r"<(?!/?b>|br>|extra>|/extra>)", text)
    assert HOSTILE not in text
    assert all("%{x}" not in str(trace.get("hovertemplate")) for trace in json.loads(text)["data"])


def test_the_failure_of_a_history_is_drawn() -> None:
    (failure,) = summarise(failing()).failures
    assert failure.record is not None

    assert len(traces(lanes_figure(failure.record, failure.violations), "scatter", "found wrong")) == 1
