"""The published schemas are those of the models, and say what the models say."""

from __future__ import annotations

import copy
import json
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from chaos import schemas
from chaos.schemas import FOLDER, published, rendered

ROOT = Path(__file__).parent.parent


def shipped(path: str) -> Any:
    """A document that comes with the project."""
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "name", ["experiment", "handler", "matrix", "pipeline", "probe", "sample", "summary", "verify"]
)
def test_the_files_are_what_the_models_generate(name: str) -> None:
    text = (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")

    assert text == rendered(published()[name]), "run `python -m chaos.schemas`"
    Draft202012Validator.check_schema(json.loads(text))


def test_the_command_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    runpy.run_path(str(FOLDER / "__main__.py"))

    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in FOLDER.glob("*.json")}


def test_there_is_no_other_file() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == {f"{name}.schema.json" for name in published()}


@pytest.mark.parametrize("kind", ["experiment", "probe"])
def test_the_shipped_documents_are_valid(kind: str) -> None:
    paths = list(ROOT.glob(f"{kind}s/*.json"))

    assert paths
    for path in paths:
        jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), published()[kind])


def control(document: Any) -> Any:
    """The arguments of our control."""
    return document["controls"][0]["provider"]["arguments"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["runtime"]["rollbacks"].update(strategy="alwayz"),
        lambda d: d["runtime"]["hypothesis"].update(strategy="continously"),
        lambda d: d["runtime"].update(rollback={}),
        lambda d: d.pop("method"),
        lambda d: d["method"][0].pop("name"),
        lambda d: d["method"][0]["provider"].update(type="ruby"),
        lambda d: d["method"][0]["provider"].pop("func"),
        lambda d: d["steady-state-hypothesis"]["probes"][0].update(tolerance=0.5),
        lambda d: d["steady-state-hypothesis"]["probes"][0].pop("tolerance"),
        lambda d: d["controls"][0].pop("name"),
        lambda d: control(d).update(sede=1),
        lambda d: control(d).update(seed=-1),
        lambda d: control(d).pop("probes"),
        lambda d: control(d)["models"][0].update(workers="many"),
        lambda d: control(d)["seconds"].update(baseline=0),
    ],
)
def test_the_schema_of_experiments_refuses_what_is_wrong(spoil: Any) -> None:
    document = copy.deepcopy(shipped("experiments/isolation.json"))
    spoil(document)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, published()["experiment"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("objectives"),
        lambda d: d["objectives"][0].update(sli="speed"),
        lambda d: d["objectives"][0].update(at_leats=0.9),
        lambda d: d["guards"][0].update(target=1.5),
        lambda d: d.update(timeout=0),
        lambda d: d.update(name="Not A Name"),
    ],
)
def test_the_schema_of_probes_refuses_what_is_wrong(spoil: Any) -> None:
    document = shipped("probes/victim.json")
    spoil(document)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, published()["probe"])
