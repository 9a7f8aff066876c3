"""A program as the method of an experiment: run by stock ``chaos run``, judged, and cleaned up whatever ends it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest

from chaos.history import read_history
from tests.conftest import ChaosCommand

REGISTER = {"do": "register", "model": "a", "package": "scarce"}
SCALE = {"do": "scale", "model": "a", "workers": 3}
ASKED = {"do": "infer", "model": "a", "milliseconds": 5.0}


def program(*steps: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """The small experiment with a program as its method."""

    def change(experiment: dict[str, Any]) -> None:
        arguments = experiment["controls"][0]["provider"]["arguments"]
        arguments |= {"models": [{"name": "victim", "package": "sleep"}]}
        arguments |= {"checks": [{"check": "program"}], "safety": {"all_replicas": True}}
        (probe,) = experiment["steady-state-hypothesis"]["probes"]
        probe["provider"] |= {"func": "program_holds", "arguments": {"property": "rollback"}}
        experiment["method"] = [action(f"step {number}", step) for number, step in enumerate(steps)]

    return change


def action(name: str, step: dict[str, Any]) -> dict[str, Any]:
    provider = {"type": "python", "module": "chaos.actions", "func": "operate", "arguments": step}
    return {"type": "action", "name": name, "provider": provider}


def test_a_program_that_has_the_property_passes(chaos: ChaosCommand) -> None:
    fault = {"inject": "process", "id": "f1", "arguments": {"action": "kill", "model": "a"}}
    ended = chaos("run", chaos.write(program(REGISTER, ASKED, SCALE, fault, {"revert": "f1"}, ASKED)))

    assert ended.exit_code == 0, ended.output
    assert ended.summary["verdict"] == "pass"
    assert "a program of 4 operations ran" in ended.summary["reason"]
    assert [check["name"] for check in ended.summary["checks"]] == ["program"]
    assert [fault["fault"] for fault in ended.summary["faults"]] == ["process"]
    events = read_history(ended.run_directory)
    kinds = [event["kind"] for event in events]
    assert kinds.count("call") == 4
    assert kinds.count("named") == 1
    assert "bystander" in kinds
    assert [event["phase"] for event in events if event["kind"] == "phase"] == [
        "warmup", "baseline", "fault", "recovery", "end",
    ]  # fmt: skip
    told = [step["output"] for step in ended.journal["run"]]
    assert [each["outcome"] for step in told for each in step] == ["ok", "ok", "fail", "ok"]


def test_cut_short_its_models_are_gone(chaos: ChaosCommand) -> None:
    long = {"do": "infer", "model": "a", "milliseconds": 20_000.0}
    process = chaos.start("run", chaos.write(program(REGISTER, long)))
    chaos.await_phase(process, "fault")
    process.send_signal(signal.SIGTERM)
    ended = chaos.end(process)

    assert ended.exit_code != 0, ended.output
    assert ended.summary["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"do": "explode", "model": "a"}, "explode"),
        ({"do": "scale", "model": "a", "workres": 2}, "workres"),
        ({"concurrent": [[{"do": "scale", "model": "a", "workers": "many"}]]}, "workers"),
        ({}, "step"),
    ],
)
def test_a_step_that_is_none_is_refused_before_anything_starts(
    chaos: ChaosCommand, step: dict[str, Any], words: str
) -> None:
    ended = chaos("run", chaos.write(program(REGISTER, step)))

    assert ended.exit_code != 0
    assert words in ended.output
    assert "Traceback" not in ended.output
    assert not (chaos.directory / "reports").exists()


def test_what_is_reverted_has_to_be_in_force(chaos: ChaosCommand) -> None:
    ended = chaos("run", chaos.write(program(REGISTER, {"revert": "f1"})))

    assert ended.exit_code == 1
    assert "no fault 'f1' is in force" in ended.output
    assert ended.summary["verdict"] == "unknown"


def test_a_dry_run_says_what_it_would_do(chaos: ChaosCommand) -> None:
    ended = chaos("run", "--dry", "actions", chaos.write(program(REGISTER, SCALE)))

    assert "would scale a to 3" in ended.output
    assert not (chaos.directory / "reports").exists()


def test_a_counterexample_is_json_that_a_person_can_edit(chaos: ChaosCommand) -> None:
    name = chaos.write(program(REGISTER, SCALE))
    experiment = json.loads((chaos.directory / name).read_text())
    experiment["configuration"] = {"count": 2}
    experiment["method"][1]["provider"]["arguments"]["workers"] = "${count}"
    (chaos.directory / name).write_text(json.dumps(experiment))
    ended = chaos("run", name, "--var", "count=1")

    assert ended.exit_code == 0, ended.output
    assert ended.journal["run"][1]["output"][0] == {
        "operation": "scale a to 1",
        "outcome": "ok",
        "status": 200,
    }
