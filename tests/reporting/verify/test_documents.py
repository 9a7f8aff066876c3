"""What a verification leaves: verify.json keeps to its schema, and junit.xml is green only for a pass."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from chaos.history import Event
from chaos.reporting.verify.document import verify_document
from chaos.reporting.verify.markdown import render_job_summary
from chaos.reporting.verify.summary import summarise
from chaos.reporting.verify.write import render_cases, write_reports
from chaos.schemas import published
from tests.reporting.verify.searches import (
    FOUND,
    SMALLEST,
    failing,
    hostile,
    not_again,
    opened,
    passing,
    undecided,
)

HERE = Path("reports/20261121 verify")
HISTORIES = [passing(), failing(), not_again(), undecided(), hostile(), failing()[:9], [opened()]]


def cases(events: list[Event]) -> dict[str, tuple[str, str]]:
    root = ElementTree.fromstring(render_cases(summarise(events), HERE))  # noqa: S314
    found = {}
    for case in root.iter("testcase"):
        told = next(iter(case), None)
        found[case.attrib["name"]] = ("passed", "") if told is None else (told.tag, told.attrib["message"])
    return found


@pytest.mark.parametrize("number", range(len(HISTORIES)))
def test_every_document_is_valid(number: int) -> None:
    summary = summarise(HISTORIES[number])
    document = json.loads(json.dumps(verify_document(summary), allow_nan=False))
    jsonschema.validate(document, published()["verify"])

    assert document["verdict"] == summary.verdict
    assert document["reason"] == summary.reason


def test_the_document_tells_the_failure_and_how_to_run_it() -> None:
    document: dict[str, Any] = verify_document(summarise(failing()))
    (failure,) = document["failures"]

    assert failure["program"] == FOUND
    assert failure["smallest"] == SMALLEST
    assert failure["said"][0] == "register a with 2 workers"
    assert failure["again"]["count"] == 5
    assert failure["rate"]["share"] == 0.8
    assert 0 < failure["rate"]["low"] < 0.8 < failure["rate"]["high"] < 1
    assert failure["counterexample"] == "counterexample.json"
    assert (failure["reproduced"], failure["confirmed"], failure["whole"]) == (True, True, True)
    assert document["coverage"]["points"][0]["times"] == 120
    assert document["memory"][0]["examples"] == 1


def test_junit_is_green_for_a_pass_alone() -> None:
    assert cases(passing()) == dict.fromkeys(["model", "linearizability", "release"], ("passed", ""))
    assert {tag for tag, _ in cases(undecided()).values()} == {"error"}
    assert {tag for tag, _ in cases([opened()]).values()} == {"error"}
    assert {tag for tag, _ in cases([opened(checks=[])]).values()} == {"error"}


def test_junit_tells_the_smallest_program() -> None:
    found = cases(failing())
    tag, words = found["linearizability"]

    assert tag == "failure"
    assert "1. register a with 2 workers" in words
    assert "3. at once: (a) scale a to 3; (b) scale a to 4, then list" in words
    assert "no order of the operations" in words
    assert "chaos run 'reports/20261121 verify/counterexample.json'" in words
    assert found["model"][0] == "skipped"
    assert "not failed in 3 of 4 programs" in found["model"][1]


def test_junit_says_that_a_failure_did_not_come_again() -> None:
    assert "did not come again" in cases(not_again())["linearizability"][1]


def test_a_job_summary_is_the_verdict_and_a_numbered_list() -> None:
    lines = render_job_summary(summarise(failing()), HERE).splitlines()

    assert lines[0] == "## ✗ A program failed"
    assert "1. register a with 2 workers" in lines
    assert "5. describe a" in lines
    assert "chaos run 'reports/20261121 verify/counterexample.json'" in lines
    assert render_job_summary(summarise(passing()), HERE).startswith("## ✓ No program failed")
    assert "- ? a model was left" in render_job_summary(summarise(undecided()), HERE)


def test_a_job_summary_stays_whole_whatever_it_is_told() -> None:
    text = render_job_summary(summarise(hostile()), HERE)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text.replace("\\`", ""), flags=re.S)

    assert "<img" not in outside
    assert "\x00" not in text
    assert len(text) < 20_000


@pytest.mark.parametrize("number", range(len(HISTORIES)))
def test_everything_is_written_although_a_text_cannot_be_encoded(number: int, tmp_path: Path) -> None:
    paths = write_reports(tmp_path, summarise(HISTORIES[number]))

    assert [path.name for path in paths] == ["verify.json", "report.html", "junit.xml", "summary.md"]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
