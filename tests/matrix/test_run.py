"""A matrix on the embedded platform: measured, judged from its histories, looked after, and gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest

from chaos.errors import ChaosError
from chaos.history import read_history
from chaos.matrix.directory import read_matrix
from chaos.matrix.plan import Asked, Settings, make_plan
from chaos.matrix.run import Matrix
from chaos.reporting.matrix.summary import MatrixSummary, verdict_said
from chaos.schemas import published
from tests.matrix.synthetic import Seen

CELLS = "list:A,health:B,list:B,inference:C,scale:D,list:E,scale:G,unregister:G"
SETTINGS: Settings = {
    "B": {"value": 3.0},
    "C": {"kills": 1},
    "D": {"breaks": 1},
    "E": {"lacks": 1},
    "G": {"forgets": 1},
}


def run(asked: Asked) -> tuple[MatrixSummary, Seen]:
    seen = Seen()
    return anyio.run(Matrix(make_plan(asked), seen).run), seen


def verdicts(summary: MatrixSummary) -> dict[str, str]:
    return {f"{cell.api}:{cell.code}": verdict_said(cell) for cell in summary.cells}


def document(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "matrix.json").read_text())
    jsonschema.validate(found, published()["matrix"])
    return found


def test_each_cell_is_judged_and_none_takes_another_with_it(synthetic: Path) -> None:
    summary, seen = run(Asked(synthetic, cells=CELLS, seed=7, settings=SETTINGS))

    found = verdicts(summary)
    assert found.pop("inference:C") in ("pass", "unknown")  # it may be done before it notices
    assert found == {
        "list:A": "pass",
        "health:B": "fail",
        "list:B": "fail",
        "scale:D": "unknown",
        "list:E": "not_applicable",
        "scale:G": "pass",
        "unregister:G": "pass",
    }
    assert seen.groups() == ["list-A", "B", "inference-C", "scale-D", "list-E", "scale-G", "unregister-G"]
    assert summary.verdict.value == "fail"
    killed, left = summary.problems
    assert (
        killed
        == "measuring inference-C left the target unable to serve; a fresh embedded platform was started"
    )
    assert left.startswith("measuring scale-G left model-g1-m")
    assert left.endswith("behind; a fresh embedded platform was started")
    assert {
        f"{cell['api']}:{cell['code']}": cell["verdict"] for cell in document(synthetic)["cells"]
    } == verdicts(summary)
    assert read_matrix(synthetic) == summary


def test_it_goes_on_where_it_was_and_only_with_what_is_missing(synthetic: Path) -> None:
    first, _ = run(Asked(synthetic, cells="list:A,scale:D", seed=3, settings={"D": {"breaks": 1}}))
    again, seen = run(Asked(synthetic, cells="health:A"))

    assert verdicts(first) == {"list:A": "pass", "scale:D": "unknown"}
    assert verdicts(again) == {"list:A": "pass", "health:A": "pass", "scale:D": "unknown"}
    assert seen.groups() == ["health-A", "scale-D"]  # what broke off is tried again
    assert again.seed == 3
    assert [event["kind"] for event in read_history(synthetic)].count("matrix") == 2

    # a crash may have broken off the last line anywhere
    with (synthetic / "history.jsonl").open("a") as file:
        file.write('{"kind": "prob')
    (synthetic / "cells" / "list-A" / "history.jsonl").write_text('{"kind": "cell", "at": 1, "ev')
    last, seen = run(Asked(synthetic))
    assert seen.groups() == ["list-A", "scale-D"]
    assert verdicts(last) == verdicts(again)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (Asked(seed=4), "--seed 3, not 4"),
        (Asked(target="embedded?memory=100"), "--target embedded, not"),
        (Asked(defects=("shared_queue",)), "--defect none, not shared_queue"),
        (Asked(settings={"A": {"value": 2.0}}), "--set none, not A.value=2"),
    ],
)
def test_it_goes_on_as_it_began(synthetic: Path, asked: Asked, name: str) -> None:
    synthetic.mkdir()
    opening = {
        "kind": "matrix", "at": 1.0, "run_id": "r", "seed": 3, "target": "embedded", "defects": [], "version": "1",
        "wall": 1.0, "cells": ["list:A"], "settings": {}, "replay": "chaos matrix",
    }  # fmt: skip
    (synthetic / "history.jsonl").write_text(json.dumps(opening) + "\n")

    with pytest.raises(ChaosError, match=name):
        make_plan(Asked(synthetic, asked.target, None, asked.seed, asked.defects, asked.settings))


def test_a_token_is_not_written_down_so_the_target_is_named_again(synthetic: Path) -> None:
    asked = Asked(
        synthetic, target="torchserve+http://127.0.0.1:9?management=9&token=s3cret", cells="list:A", seed=1
    )
    with pytest.raises(BaseExceptionGroup):
        run(asked)

    assert "s3cret" not in (synthetic / "history.jsonl").read_text()
    with pytest.raises(ChaosError, match="name the target"):
        make_plan(Asked(synthetic))
    assert make_plan(asked).url == asked.target


def test_a_target_that_cannot_be_opened_is_one_error_and_leaves_documents(synthetic: Path) -> None:
    asked = Asked(synthetic, target="torchserve+http://127.0.0.1:9?management=9", cells="list:A", seed=1)
    with pytest.raises(BaseExceptionGroup) as caught:
        run(asked)

    assert caught.group_contains(ChaosError, match="127.0.0.1:9")
    assert [cell["reason"] for cell in document(synthetic)["cells"]] == ["it was not measured"]
