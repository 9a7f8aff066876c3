"""What the test of a handler leaves: summary.json keeps to its schema and is read again; JUnit is green for a pass."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from chaos.errors import RunDirectoryError
from chaos.offline.results import InferenceTestResult, PipelineResult
from chaos.reporting.handler.document import Result, document_of, read_result
from chaos.reporting.handler.words import amount, headline, reason, said
from chaos.reporting.handler.write import render_cases, write_reports
from chaos.schemas import published
from chaos.sla.results import Verdict
from tests.reporting.handler import results

ALL = {
    name: getattr(results, name)()
    for name in ("passing", "failing", "undecided", "hostile", "compatible", "pipeline", "broken")
}


@pytest.mark.parametrize("name", ALL)
def test_every_document_is_valid_and_read_again(name: str, tmp_path: Path) -> None:
    paths = write_reports(tmp_path, ALL[name])

    assert [path.name for path in paths] == ["summary.json", "report.html", "junit.xml"]
    document = json.loads(paths[0].read_text())
    jsonschema.validate(document, published()["handler"])
    again = read_result(tmp_path)
    assert again is not None
    # halves of a surrogate pair cannot be written, and are question marks from then on
    assert json.dumps(document_of(again)) == json.dumps(document_of(ALL[name])).replace("\\ud800", "?")


def test_it_is_judged_again_by_its_checks(tmp_path: Path) -> None:
    path, *_ = write_reports(tmp_path, results.passing())
    document = json.loads(path.read_text())
    document["checks"][3]["verdict"] = "fail"
    path.write_text(json.dumps(document))
    again = read_result(tmp_path)

    assert isinstance(again, InferenceTestResult)
    assert (again.verdict, again.overall_success) == (Verdict.FAIL, False)

    path, *_ = write_reports(tmp_path, results.pipeline())
    document = json.loads(path.read_text())
    document["nodes"], document["edges"] = document["nodes"][:3], document["edges"][:2]
    path.write_text(json.dumps(document))
    graph = read_result(tmp_path)

    assert isinstance(graph, PipelineResult)
    assert (graph.verdict, graph.pipeline_success) == (Verdict.PASS, True)


def test_a_directory_of_something_else_is_none_and_a_broken_one_an_error(tmp_path: Path) -> None:
    assert read_result(tmp_path) is None
    for text in ('{"run": "x"}', "[1]", "{", "\x00", '{"kind": "verify"}', "[" * 5000):
        (tmp_path / "summary.json").write_text(text)
        assert read_result(tmp_path) is None
    (tmp_path / "summary.json").write_text('{"kind": "handler", "checks": [{"name": "x"}]}')
    with pytest.raises(RunDirectoryError, match=r"summary\.json: .*Field required"):
        read_result(tmp_path)


def cases(result: Result) -> dict[str, str]:
    root = ElementTree.fromstring(render_cases(result).encode(errors="replace"))  # noqa: S314
    return {
        case.attrib["name"]: next((told.tag for told in case), "passed") for case in root.iter("testcase")
    }


def test_junit_is_green_only_for_a_pass() -> None:
    assert set(cases(results.passing()).values()) == {"passed", "skipped"}
    assert cases(results.passing())["transform_fn"] == "skipped"
    assert cases(results.failing()) == {
        "verdict": "failure",
        "load": "passed",
        "input_fn": "failure",
        "pipeline": "failure",
        "determinism": "error",
        "generated": "failure",
        "memory": "failure",
    }
    assert cases(results.undecided())["verdict"] == "error"


def test_junit_of_a_script_and_of_a_graph() -> None:
    assert cases(results.compatible()) == {"verdict": "passed", "out/part-0.csv": "passed"}
    assert cases(results.compatible(False)) == {"verdict": "failure", "out/part-0.csv": "failure"}
    found = cases(results.pipeline())
    assert found["verdict"] == "failure"
    assert found["iris -> scoring-of-all-the-customers"] == "failure"
    assert found["prepare -> iris"] == "passed"
    assert found["statelessness"] == "passed"


@pytest.mark.parametrize("name", ["hostile", "broken"])
def test_junit_stays_whole_whatever_the_texts_are(name: str) -> None:
    assert cases(ALL[name])["verdict"] == "failure"


def test_the_reason_tells_what_failed_first() -> None:
    assert reason(results.failing()) == (
        "input_fn does not hold: 1 of 2 calls raised: KeyError: 'instances' (code/inference.py:14); "
        "nor do pipeline, generated, memory"
    )
    assert reason(results.undecided()) == "samples cannot be told: there are no samples"
    assert reason(results.passing()) == "all 12 checks that apply hold, over 48 runs of 6 samples"
    assert reason(results.compatible(False)) == "part-0.csv as text/csv: input_fn raised ValueError: x"
    assert headline(results.undecided()) == "It cannot be told"


def test_numbers_are_said_in_their_unit() -> None:
    assert amount(262_144.0, "B/call") == "256 KiB a call"
    assert amount(-310.0, "B") == "\N{MINUS SIGN}310 B"
    assert amount(8.0 * 2**30, "bytes") == "8 GiB"
    assert amount(0.5, "share") == "50 %"
    assert amount(0.02, "s") == "20 ms"
    assert amount(3.0, "threads") == "3 threads"
    assert amount(1.0, "calls") == "1 call"
    assert amount(0.25, "threads/call") == "0.25 threads a call"
    assert amount(None, "s") == amount(float("nan"), "B") == "\N{EN DASH}"
    assert said("model_fn raised") == "model_fn raised."
    assert said("it raised.") == "It raised."
