"""Measured properties beside the objectives of a run, and the document that tells of both."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from chaos.schemas import published
from chaos.sla.results import Verdict
from chaos.summary import summary_document
from tests.properties.isolated import events_of
from tests.properties.isolated import record as isolation
from tests.story import ONCE, told


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
