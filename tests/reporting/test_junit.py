"""junit.xml says of each objective what the summary says, and is XML whatever the texts hold."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.analysis import analyse
from chaos.reporting.junit import render_junit
from chaos.sla.results import Verdict
from tests.reporting import histories, storms

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
PASSED = analyse(histories.passing())


@pytest.mark.parametrize("history", ["passing", "failing", "guarded", "broken_off", "empty", "hostile"])
def test_failures_and_errors_are_those_of_the_summary(history: str) -> None:
    summary = analyse(getattr(histories, history)())
    suite = ElementTree.fromstring(render_junit(summary).encode(errors="replace"))[0]  # noqa: S314

    verdicts = [summary.verdict, *(result.verdict for result in summary.objectives)]
    assert len(suite.findall("testcase")) == int(suite.attrib["tests"]) == len(verdicts)
    assert (
        len(suite.findall("testcase/failure"))
        == int(suite.attrib["failures"])
        == verdicts.count(Verdict.FAIL)
    )
    assert (
        len(suite.findall("testcase/error")) == int(suite.attrib["errors"]) == verdicts.count(Verdict.UNKNOWN)
    )
    assert {entry.attrib["name"] for entry in suite.findall("properties/property")} >= {
        "seed",
        "target",
        "defects",
    }


def test_each_check_is_a_case() -> None:
    summary = analyse(storms.storm())
    suite = ElementTree.fromstring(render_junit(summary))[0]  # noqa: S314

    cases = {
        case.attrib["name"]: case for case in suite if case.attrib.get("classname", "").endswith(".checks")
    }
    assert list(cases) == ["oom hungry", "reconnects manager", "executed_once"]
    assert cases["oom hungry"].find("*") is None
    assert cases["executed_once"].find("error") is not None
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase")) == 1 + len(summary.objectives) + 3
    assert int(suite.attrib["errors"]) == len(suite.findall("testcase/error")) == 2


def test_a_spoilt_run_is_not_green_although_all_objectives_held() -> None:
    spoilt = dataclasses.replace(PASSED, verdict=Verdict.UNKNOWN, reason="the run broke off")
    suite = ElementTree.fromstring(render_junit(spoilt))[0]  # noqa: S314

    (error,) = suite.findall("testcase/error")
    assert error.attrib["message"] == "the run broke off"


@given(ANY_TEXT, ANY_TEXT)
def test_any_text_gives_valid_xml(text: str, other: str) -> None:
    objective = dataclasses.replace(
        PASSED.objectives[0], probe=text, objective=other, verdict=Verdict.FAIL, reason=text + other
    )
    summary = dataclasses.replace(
        PASSED,
        title=text,
        target=other,
        replay=text,
        defects=(text, other),
        reason=other,
        objectives=(objective,),
    )
    root = ElementTree.fromstring(render_junit(summary).encode())  # noqa: S314

    assert len(root.findall("testsuite/testcase")) == 2
