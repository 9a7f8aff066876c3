"""A user's own handler package in an experiment, as the victim and as the hostile one, on the embedded platform."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ChaosCommand, Ended

ISOLATION = Path(__file__).parents[1] / "experiments" / "isolation.json"
HANDLER = '''
import json, pathlib

def model_fn(model_dir):
    return pathlib.Path(model_dir)

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(data, model):
    """Only its own payload is understood; each request leaves a line."""
    with open({log!r}, "a") as log:
        log.write(str(data["question"]) + "\\n")
    return {{"answer": 42, "nonce": data.get("nonce")}}

def output_fn(prediction, accept):
    return json.dumps(prediction)
'''


@pytest.fixture
def package(chaos: ChaosCommand) -> Path:
    """A package that logs what it is asked, and a payload for it."""
    directory = chaos.directory / "mine"
    (directory / "code").mkdir(parents=True)
    code = HANDLER.format(log=str(chaos.directory / "asked"))
    (directory / "code" / "inference.py").write_text(code)
    (chaos.directory / "payload.json").write_text('{"question": "why", "nonce": "{nonce}"}')
    return directory


def run(chaos: ChaosCommand, experiment: str, **variables: Any) -> Ended:
    words = [word for name, value in variables.items() for word in ("--var", f"{name}={value}")]
    return chaos("run", *words, experiment)


def own(chaos: ChaosCommand, **values: str) -> str:
    """The small experiment, with a package of the user's own in it."""

    def change(experiment: dict[str, Any]) -> None:
        experiment["controls"][0]["provider"]["arguments"]["own"] = values

    return chaos.write(change)


def test_as_the_victim_from_an_archive(chaos: ChaosCommand, package: Path) -> None:
    """By the shipped experiment, as a user would."""
    for room in ("experiments", "probes"):
        shutil.copytree(ISOLATION.parents[1] / room, chaos.directory / room)
    with tarfile.open(chaos.directory / "model.tar.gz", "w:gz") as archive:
        archive.add(package / "code", "code")
    shutil.rmtree(package)

    ended = run(
        chaos, "experiments/isolation.json",
        package="model.tar.gz", payload="payload.json", seconds=1.5, mode="burn", seed=1,
    )  # fmt: skip

    summary = ended.summary
    objectives = {(entry["phase"], entry["objective"]): entry["verdict"] for entry in summary["objectives"]}
    assert objectives["baseline", "availability"] == "pass", ended.output
    assert objectives["baseline", "correctness"] == "pass"
    assert summary["faults"][0]["injected"] is not None
    assert set((chaos.directory / "asked").read_text().split()) == {"why"}
    assert "package=model.tar.gz" in summary["replay"]


def test_as_the_hostile_one(chaos: ChaosCommand, package: Path) -> None:
    ended = run(chaos, own(chaos, package=str(package), role="hostile", payload="payload.json"))

    assert ended.exit_code == 0, ended.output
    assert len((chaos.directory / "asked").read_text().split()) > 10
    assert ended.summary["faults"][0]["injected"] is not None


def test_a_bad_package_is_one_clear_error(chaos: ChaosCommand, package: Path) -> None:
    (package / "code" / "inference.py").write_text("def model_fn(model_dir): raise OSError('no weights')\n")
    ended = run(chaos, own(chaos, package=str(package)))

    assert ended.exit_code == 1
    assert "no weights" in ended.output
    assert "Traceback" not in ended.output
    for history in (chaos.directory / "reports").glob("*/history.jsonl"):
        kinds = {json.loads(line)["kind"] for line in history.read_text().splitlines()}
        assert "fault" not in kinds, "before anything is injected"
