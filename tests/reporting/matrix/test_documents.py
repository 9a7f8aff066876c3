"""matrix.json keeps to its schema whatever was measured, and junit.xml is none of the colours that a cell is not."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema

from chaos.reporting.matrix.document import matrix_document
from chaos.reporting.matrix.summary import MatrixSummary
from chaos.reporting.matrix.write import render_cases, write_documents, write_page
from chaos.schemas import published
from chaos.sla.results import Verdict
from tests.reporting.matrix.boards import matrix


def test_the_document_is_valid_and_has_all_cells() -> None:
    document = json.loads(json.dumps(matrix_document(matrix()), allow_nan=False))
    jsonschema.validate(document, published()["matrix"])

    cells = document["cells"]
    assert len(cells) == 32
    assert {cell["verdict"] for cell in cells} == {"pass", "fail", "unknown", "not_applicable"}
    assert document["verdict"] == "fail"
    first = cells[0]
    assert (first["estimate"], first["low"], first["high"], first["limit"], first["n"]) == (
        1.5,
        1.0,
        None,
        2.0,
        10,
    )
    assert [measure["name"] for measure in first["measures"]] == ["first", "census"]
    assert next(cell for cell in cells if cell["verdict"] == "not_applicable")["estimate"] is None


def test_a_matrix_passes_only_if_all_that_applies_does() -> None:
    whole = matrix()

    def of(*verdicts: str) -> MatrixSummary:
        cells = [cell for cell in whole.cells if cell.applicable and cell.verdict.value in verdicts]
        cells += [cell for cell in whole.cells if not cell.applicable]
        return MatrixSummary("r", 1, "t", (), "0", 0.0, 1.0, "", tuple(cells))

    assert of("pass").verdict is Verdict.PASS
    assert of("pass", "unknown").verdict is Verdict.UNKNOWN
    assert of("pass", "unknown", "fail").verdict is Verdict.FAIL
    assert of().verdict is Verdict.UNKNOWN
    assert "1 do not apply" in of("pass").reason


def test_junit_has_a_case_for_each_cell() -> None:
    root = ElementTree.fromstring(render_cases(matrix()))  # noqa: S314
    cases = {case.attrib["name"]: [child.tag for child in case] for case in root.iter("testcase")}

    assert len(cases) == 32
    tags = [tag for children in cases.values() for tag in children or ["passed"]]
    said = root.attrib
    assert int(said["tests"]) == 32
    assert int(said["failures"]) == tags.count("failure") > 0
    assert int(said["errors"]) == tags.count("error") > 0
    assert tags.count("skipped") == 1
    assert next(root.iter("testsuite")).attrib["skipped"] == "1"


def test_everything_is_written_although_a_text_cannot_be_encoded(tmp_path: Path) -> None:
    paths = [*write_documents(tmp_path, matrix()), write_page(tmp_path, matrix())]

    assert [path.name for path in paths] == ["matrix.json", "junit.xml", "report.html"]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
