"""Properties measured through the stock ``chaos run``: beside the probes, in all reports, and said in a dry run."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from chaos.properties.table import APIS, CODES
from tests.conftest import ChaosCommand

ROOT = Path(__file__).parent.parent


def measuring(experiment: dict[str, Any], name: str, defect: str = "", **arguments: Any) -> None:
    """Make the small experiment measure a property in place of its fault."""
    action = experiment["method"][0]
    action["provider"].update(func="measure", arguments={"property": name, **arguments})
    control = experiment["controls"][0]["provider"]["arguments"]
    control.update(defect=defect, models=control["models"][:1])


def test_a_defect_is_found_beside_the_probes_and_told_in_every_report(chaos: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        measuring(experiment, "idempotence", "scale_unserialised", apis="scale", rounds="2", copies="")

    ended = chaos("run", chaos.write(change))

    assert ended.exit_code == 1, ended.output
    assert "Verdict: fail. Idempotence of scale workers failed: " in ended.output
    (cell,) = ended.summary["cells"]
    assert (cell["api"], cell["code"], cell["verdict"]) == ("scale", "J", "fail")
    assert {result["phase"] for result in ended.summary["objectives"]} == {"baseline", "fault", "recovery"}
    assert "Idempotence of scale workers" in (ended.run_directory / "report.md").read_text()
    assert 'id="cells"' in (ended.run_directory / "report.html").read_text()
    cases = ElementTree.parse(ended.run_directory / "junit.xml").iter("testcase")  # noqa: S314
    (case,) = [case for case in cases if case.get("name") == "idempotence of scale workers"]
    assert case.find("failure") is not None
    (told,) = [
        activity["output"] for activity in ended.journal["run"] if activity["activity"]["name"] == "strike"
    ]
    assert told["cells"][0]["verdict"] == "fail"


def test_an_interrupted_measurement_leaves_nothing(chaos: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        measuring(experiment, "isolation", apis="inference", seconds=600)

    process = chaos.start("run", chaos.write(change))
    chaos.await_phase(process, "fault")
    process.send_signal(signal.SIGINT)
    ended = chaos.end(process)

    assert ended.exit_code != 0
    assert ended.summary["verdict"] == "unknown"
    assert "its measurement was cut short" in json.dumps(ended.summary["cells"])
    assert ended.rolled_back


def test_a_dry_run_says_what_would_be_measured(chaos: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        measuring(experiment, "C", apis="inference")

    ended = chaos("run", "--dry", "activities", chaos.write(change))

    assert "isolation of inference: would call the target" in ended.output
    assert not (chaos.directory / "reports").exists()


def documents(folder: str) -> dict[str, Any]:
    """The documents of a folder of ours, by name."""
    return {path.stem: json.loads(path.read_text()) for path in (ROOT / folder).glob("*.json")}


@pytest.mark.parametrize("code", CODES)
def test_there_is_an_experiment_for_each_property(code: str) -> None:
    name = {"C": "isolation"}.get(code, CODES[code]).replace(" ", "_")
    experiment = documents("experiments")[name]

    assert {"target", "seconds", "seed", "defect", "allow", "reports"} <= experiment["configuration"].keys()
    assert experiment["runtime"]["rollbacks"] == {"strategy": "always"}
    if code != "C":  # has its fault, which it holds for as long as the user likes
        assert experiment["method"][0]["provider"]["arguments"]["property"] == CODES[code]


def test_there_is_a_probe_for_each_api_and_each_is_used() -> None:
    probes = documents("probes")
    used = {
        entry["file"]
        for experiment in documents("experiments").values()
        for entry in experiment["controls"][0]["provider"]["arguments"]["probes"]
    }

    assert {name: probes[name]["api"] for name in APIS} == {name: name for name in APIS}
    assert used == probes.keys()
