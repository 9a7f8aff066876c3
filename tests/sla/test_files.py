"""Probe files are found by name or path, and what is wrong with one is said in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chaos.errors import DocumentError
from chaos.sla.files import find_probe, load_probe

VICTIM: dict[str, Any] = {
    "name": "victim",
    "model": "victim",
    "payload": {},
    "schedule": {"rate": 10},
    "objectives": [{"sli": "availability", "at_least": 0.99}],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an experiments folder and a probe, and a working directory elsewhere."""
    for folder in ("project/experiments", "project/probes", "elsewhere/probes"):
        (tmp_path / folder).mkdir(parents=True)
    write(tmp_path / "project/probes/victim.json", VICTIM)
    write(tmp_path / "elsewhere/probes/other.json", {**VICTIM, "name": "other"})
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "project"


def write(path: Path, value: object) -> None:
    """Write a document."""
    path.write_text(json.dumps(value), encoding="utf-8")


@pytest.mark.parametrize("name", ["victim", "victim.json", "probes/victim.json", "../probes/victim.json"])
def test_a_probe_is_found_beside_the_experiments(name: str, project: Path) -> None:
    assert load_probe(name, project / "experiments").name == "victim"


def test_a_probe_is_found_by_an_absolute_path(project: Path) -> None:
    assert load_probe(str(project / "probes/victim.json"), Path("nowhere")).name == "victim"


@pytest.mark.parametrize("name", ["other", "probes/other.json"])
def test_a_probe_is_found_in_the_working_directory(name: str, project: Path) -> None:
    assert load_probe(name, project / "experiments").name == "other"


def test_an_experiment_named_without_a_folder_finds_them_too(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "experiments")

    assert load_probe("victim", Path()).name == "victim"


def test_an_unknown_probe_is_answered_with_those_there_are(project: Path) -> None:
    with pytest.raises(
        DocumentError, match=r"probe 'victin': there is no such probe file \(did you mean 'victim'\?\)"
    ):
        find_probe("victin", project / "experiments")
    with pytest.raises(DocumentError, match="known are: other, victim"):
        find_probe("something-else", project / "experiments")


def test_where_there_are_no_probes_it_says_where_to_put_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DocumentError, match="put it into probes/ beside the experiments"):
        find_probe("victim", tmp_path / "experiments")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"objectives": [{"sli": "availability", "at_leats": 0.9}]},
            "unknown field 'at_leats' .*'at_least'",
        ),
        (
            {"objectives": [{"sli": "latncy", "at_most": 0.9}]},
            r"objectives.0.sli: \"latncy\" is not known.*'latency'",
        ),
        ({"objectives": []}, "objectives: .*at least 1 item"),
        ({"objectives": [{"sli": "availability"}]}, "objectives.0: needs exactly one of at_least"),
        ({"name": "Victim!"}, 'name: "Victim!" does not look like'),
        ({"schedule": {"rate": 0}}, "schedule: arrival 'poisson' needs a 'rate' above 0"),
        ({"timeout": "soon"}, 'timeout: .*given: "soon"'),
        ({"shedule": {}}, "shedule: unknown field 'shedule' .*'schedule'"),
    ],
)
def test_a_wrong_field_is_named_with_the_remedy(change: dict[str, Any], message: str, project: Path) -> None:
    write(project / "probes/victim.json", {**VICTIM, **change})

    with pytest.raises(DocumentError, match=message) as caught:
        load_probe("victim", project / "experiments")
    assert "\n" not in str(caught.value)
    assert "victim.json" in caught.value.place
