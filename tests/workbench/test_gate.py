"""The gate of an experiment: what is not sound is never registered, and no experiment goes on with it."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from chaos.errors import DocumentError
from chaos.probes import handler_is_sound
from chaos.workbench import gate
from chaos.workbench.gate import Gate, check_gate, gate_of, would_test
from tests.conftest import ChaosCommand

ROOT = Path(__file__).parents[2]
PACKAGES, PAYLOADS = ROOT / "tests" / "packages", ROOT / "tests" / "payloads"


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"package": str(PACKAGES / name), "payloads": str(PAYLOADS / name), "leak_calls": 20, **more}


@pytest.fixture(autouse=True)
def nothing_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_tested", {})


def test_the_probe_says_that_it_is_sound_or_ends_the_run(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chaostoolkit")

    assert handler_is_sound(**named("good_context"))
    assert "The handler 'good_context' is sound: all" in caplog.text
    with pytest.raises(SystemExit):
        handler_is_sound(**named("bad_arity"))
    assert "The handler 'bad_arity' is not sound: contract does not hold:" in caplog.text


def test_a_package_is_tested_once(tmp_path: Path) -> None:
    asked = gate_of(named("bad_arity"))
    first = check_gate(asked, tmp_path)

    assert check_gate(gate_of(named("bad_arity"))) is first
    assert check_gate(gate_of(named("bad_arity", seed=1))) is not first
    assert (tmp_path / "handler-bad_arity" / "report.html").exists()


def test_a_package_of_the_platform_is_known_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert would_test(
        {"package": "iris", "payloads": str(ROOT / "experiments/payloads/iris"), "fuzz": 7}
    ) == ("would test the handler 'iris' with 2 samples and 7 made from them, and go on only if it is sound")
    # one that is at hand comes before it, as for a registration
    (tmp_path / "iris" / "code").mkdir(parents=True)
    (tmp_path / "iris" / "code" / "inference.py").write_text("def model_fn(model_dir): return 1 / 0\n")
    shutil.copytree(PAYLOADS / "bad_arity", tmp_path / "samples")
    assert not check_gate(Gate(package="iris", payloads="samples")).overall_success


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"package": "nowhere"}, "nowhere: there is no such package"),
        ({"payloads": "nowhere"}, "nowhere: there is no such directory of samples"),
        ({"fuzz": -1}, "fuzz"),
        ({"memory": "2 pounds"}, "is no size"),
        ({"timeout": float("nan")}, "timeout"),
    ],
)
def test_what_cannot_be_tested_ends_the_run(
    change: dict[str, Any], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DocumentError, match=words):
        check_gate(gate_of(named("bad_arity", **change)))
    with pytest.raises(SystemExit):
        handler_is_sound(**named("bad_arity", **change))
    assert words in caplog.text
    assert words in would_test(named("bad_arity", **change))
    assert would_test(named("bad_arity", **change)).startswith("a handler could not be tested: ")


def test_numbers_may_come_as_text() -> None:
    asked = gate_of(named("bad_arity", fuzz="3", memory="512M", timeout="2.5", seed="0"))

    assert (asked.fuzz, asked.memory, asked.timeout) == (3, 512 << 20, 2.5)
    assert asked == Gate(**named("bad_arity", fuzz=3, memory=512 << 20, timeout=2.5))


@pytest.fixture
def shipped(chaos: ChaosCommand) -> ChaosCommand:
    """``chaos`` where the experiment and what it names is."""
    for name in ("experiments", "probes"):
        shutil.copytree(ROOT / name, chaos.directory / name)
    return chaos


def variables(**given: Any) -> list[str]:
    return [word for name, value in given.items() for word in ("--var", f"{name}={value}")]


def test_what_is_not_sound_is_not_registered(shipped: ChaosCommand) -> None:
    given = {"package": PACKAGES / "bad_arity", "payloads": PAYLOADS / "bad_arity"}
    ended = shipped("run", "experiments/handler_gate.json", *variables(**given))

    assert ended.exit_code == 1, ended.output
    assert "the handler 'bad_arity' is not sound, so nothing was registered" in ended.output
    assert "Traceback" not in ended.output
    assert not (ended.run_directory / "history.jsonl").exists()
    found = json.loads((ended.run_directory / "handler-bad_arity" / "summary.json").read_text())
    assert found["verdict"] == "fail"


def test_what_is_sound_is_served_and_measured(shipped: ChaosCommand) -> None:
    given = {"seconds": 1, "fuzz": 3, "seed": 2}
    ended = shipped("run", "experiments/handler_gate.json", *variables(**given))

    assert ended.exit_code == 0, ended.output
    assert ended.output.count("Testing the handler 'iris' before it is registered") == 1
    assert ended.output.index("The handler 'iris' is sound") < ended.output.index("phase warmup")
    assert (ended.run_directory / "handler-iris" / "report.html").exists()
    assert ended.summary["verdict"] == "pass"


def test_a_dry_run_says_what_would_be_tested(shipped: ChaosCommand) -> None:
    ended = shipped("run", "--dry", "activities", "experiments/handler_gate.json")

    assert "would test the handler 'iris' with 2 samples and 20 made from them" in ended.output
    assert "Testing the handler" not in ended.output


def test_an_experiment_without_our_control_has_a_gate_too(chaos: ChaosCommand) -> None:
    provider = {"type": "python", "module": "chaos.probes", "func": "handler_is_sound"}
    touch = {"type": "process", "path": "touch", "arguments": "registered"}
    probe = {"type": "probe", "name": "sound", "tolerance": True}
    experiment = {
        "title": "t",
        "description": "d",
        "steady-state-hypothesis": {
            "title": "h",
            "probes": [{**probe, "provider": {**provider, "arguments": named("bad_no_model")}}],
        },
        "method": [{"type": "action", "name": "register", "provider": touch}],
        "rollbacks": [],
    }
    (chaos.directory / "gate.json").write_text(json.dumps(experiment))
    ended = chaos("run", "gate.json")

    assert "The handler 'bad_no_model' is not sound: contract does not hold" in ended.output
    assert not (chaos.directory / "registered").exists()
    assert json.loads((chaos.directory / "journal.json").read_text())["status"] == "interrupted"
    assert ended.exit_code != 0
