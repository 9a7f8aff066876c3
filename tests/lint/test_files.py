"""Files of every kind: probes, YAML, what is no JSON, what is not there, and the experiments that are shipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chaos.lint import lint_file
from tests.lint.experiments import EXPERIMENT, PROBE, linted


def test_a_broken_probe_file_is_found_through_the_experiment_and_by_itself(folder: Path) -> None:
    path = folder.parent / "probes/victim.json"
    path.write_text(json.dumps({**PROBE, "modle": "x", "objectives": [{"sli": "speed"}]}), encoding="utf-8")

    assert "victim.json" in linted(folder, EXPERIMENT)[0].place
    assert {f.place.removeprefix(f"{path}: ") for f in lint_file(path)} == {"objectives.0.sli", "modle"}


def test_a_probe_file_in_order_has_no_findings(folder: Path) -> None:
    assert lint_file(folder.parent / "probes/victim.json") == []


@pytest.mark.parametrize("document", [[], {}, 7, None, "x", {"nodes": []}, [{"method": []}]])
def test_what_is_neither_experiment_nor_probe_is_an_error(document: Any, folder: Path) -> None:
    assert "neither an experiment nor a probe file" in linted(folder, document)[0].problem


def test_broken_json_and_missing_files_are_findings(folder: Path) -> None:
    path = folder / "broken.json"
    path.write_text('{\n  "title": oops}', encoding="utf-8")

    assert [str(f) for f in lint_file(path)] == [f"{path}:2:12: not JSON: Expecting value (mend it there)"]
    assert "cannot be read" in lint_file(str(folder / "nobody.json"))[0].problem


def test_a_yaml_experiment_is_linted_as_well(folder: Path) -> None:
    path = folder / "experiment.yaml"
    path.write_text(
        "title: t\ndescription: d\nmethod: []\nruntime: {rollbacks: {strategy: alwayz}}\n", encoding="utf-8"
    )

    assert [f.remedy for f in lint_file(path)] == ["did you mean 'always'?"]


def test_an_address_is_not_checked_and_says_so() -> None:
    assert [f.severity for f in lint_file("https://example.org/experiment.json")] == ["warning"]


def test_the_shipped_experiment_and_probe_have_no_findings() -> None:
    root = Path(__file__).parents[2]
    for path in [*root.glob("experiments/*.json"), *root.glob("probes/*.json")]:
        assert [str(f) for f in lint_file(path)] == []
