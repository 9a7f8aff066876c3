"""Properties that a run measured are in each of its reports, whatever they are called and however they ended."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree

from chaos.analysis import Summary, analyse
from chaos.properties.base import CellResult, Measure
from chaos.reporting.html import render_html
from chaos.reporting.junit import render_junit
from chaos.reporting.markdown import render_markdown
from chaos.reporting.words import facts
from chaos.sla.results import Verdict
from tests.reporting import histories

RATIO = Measure(
    "p90 latency <under> crash",
    Verdict.FAIL,
    "it was 30 times",
    30.0,
    28.1,
    33.0,
    3.0,
    "times the baseline",
    80,
)
CENSUS = Measure("requests lost", Verdict.PASS, "none of 80 was lost", 0, limit=0, n=80)
CELLS = (
    CellResult("inference", "C", Verdict.FAIL, "it was 30 times", (RATIO, CENSUS), seconds=9.0),
    CellResult(
        "batch_inference", "C", Verdict.UNKNOWN, "target <x>: makes no batches", applicable=False, seconds=0.1
    ),
    CellResult("scale", "J", Verdict.UNKNOWN, "its measurement broke off", seconds=2.0),
)


def summary() -> Summary:
    return dataclasses.replace(analyse(histories.passing()), cells=CELLS)


def test_the_page_has_a_row_for_each_measure_and_for_each_cell_without() -> None:
    page = render_html(histories.passing(), summary())
    section = page[page.index('<section aria-labelledby="cells">') :]
    section = section[: section.index("</section>")]

    assert section.count("<tr>") == 1 + 2 + 1 + 1
    for told in ("30 times the baseline", "28.1 to 33", "None of 80 was lost."):
        assert told in section
    assert "not applicable" in section
    assert "Target &lt;x&gt;: makes no batches." in section
    assert section.count("isolation of inference") == 2
    assert '<section aria-labelledby="cells">' not in render_html(
        histories.passing(), analyse(histories.passing())
    )


def test_the_comment_names_each_the_worst_first() -> None:
    lines = [line for line in render_markdown(summary()).splitlines() if line.startswith("- ")]

    assert lines[0] == "- ✗ Isolation of inference: it was 30 times"
    assert lines[1].startswith("- ? Isolation of batch inference: target &lt;x&gt;")
    assert lines[2] == "- ? Idempotence of scale workers: its measurement broke off"


def test_one_that_does_not_apply_is_skipped_in_junit() -> None:
    suite = ElementTree.fromstring(render_junit(summary()))[0]  # noqa: S314
    cases = {case.get("name"): case for case in suite.iter("testcase")}

    assert cases["isolation of inference"].find("failure") is not None
    assert cases["isolation of batch inference"].find("skipped") is not None
    assert cases["idempotence of scale workers"].find("error") is not None
    assert suite.get("skipped") == "1"


def test_what_was_measured_is_a_fact_of_the_run() -> None:
    assert ("Measured", "isolation, idempotence") in facts(summary())
    assert "Measured" not in dict(facts(analyse(histories.passing())))
