"""``chaos verify`` as a process: what it finds and leaves, one line for a mistake, and whatever ends it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chaos.verify.commands import verify
from tests.conftest import ChaosCommand


def document(chaos: ChaosCommand, out: str = "out") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((chaos.directory / out / "verify.json").read_text())
    return found


def test_the_correct_platform_passes_with_faults(chaos: ChaosCommand) -> None:
    ended = chaos(
        "verify", "--examples", "6", "--steps", "8", "--seed", "3", "--faults", "process", "--out", "out"
    )

    assert ended.exit_code == 0, ended.output
    assert "seed 3" in ended.output
    assert document(chaos)["verdict"] == "pass"
    assert {"history.jsonl", "verify.json", "junit.xml", "report.html", "summary.md"} <= {
        path.name for path in (chaos.directory / "out").iterdir()
    }
    assert not (chaos.directory / "out" / "counterexample.json").exists()


STEPS: list[dict[str, Any]] = [
    {"do": "register", "model": "c", "package": "scarce"},
    {"do": "list"},
    {"concurrent": [[{"do": "infer", "model": "c"}, {"do": "describe", "model": "c"}], [{"do": "list"}]]},
    {"do": "scale", "model": "c", "workers": 4},
    {"do": "unregister", "model": "c"},
]


def test_a_defect_is_found_made_small_and_found_again(chaos: ChaosCommand) -> None:
    (chaos.directory / "steps.json").write_text(json.dumps(STEPS))
    asked = ("verify", "--defect", "failed_scale_desires", "--rest", "1", "--replay", "steps.json")
    ended = chaos(*asked, "--seed", "3", "--out", "out")

    assert ended.exit_code == 1, ended.output
    assert "Traceback" not in ended.output
    (failure,) = document(chaos)["failures"]
    assert failure["reproduced"]
    assert [step["do"] for step in failure["smallest"]] == ["register", "scale"]
    assert {step["model"] for step in failure["smallest"]} == {"a"}
    assert "chaos run out/counterexample.json" in ended.output

    replayed = chaos("run", "out/counterexample.json")
    assert replayed.exit_code == 1, replayed.output
    assert replayed.summary["verdict"] == "fail"
    assert replayed.journal["deviated"]

    again = chaos("verify", "--replay", "out/counterexample.json", "--seed", "1", "--out", "correct")
    assert again.exit_code == 0, again.output
    assert document(chaos, "correct")["verdict"] == "pass"

    for name in ("verify.json", "junit.xml", "report.html"):
        (chaos.directory / "out" / name).unlink()
    reported = chaos("report", "out")
    assert reported.exit_code == 0, reported.output
    assert document(chaos)["failures"] == [failure]


def test_a_signal_ends_it_and_nothing_stays(chaos: ChaosCommand) -> None:
    process = chaos.start("verify", "--seed", "3", "--out", "out")
    _until(chaos, process, '"kind":"example"', 2)
    process.send_signal(signal.SIGTERM)
    ended = chaos.end(process)

    assert ended.exit_code == 143, ended.output
    assert "Traceback" not in ended.output
    assert document(chaos)["verdict"] == "unknown"
    assert document(chaos)["examples"] >= 2


def test_killed_it_leaves_nothing_and_is_judged_as_far_as_it_went(chaos: ChaosCommand) -> None:
    process = chaos.start("verify", "--seed", "3", "--out", "out", "--faults", "process")
    _until(chaos, process, '"kind":"example"', 2)
    process.kill()
    process.communicate()

    assert chaos.leftovers() == []
    reported = chaos("report", "out")
    assert reported.exit_code == 0, reported.output
    assert document(chaos)["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--faults", "proces"], "--faults proces: there is none of that name (did you mean 'process'?)"),
        (["--rest", "nan"], "--rest nan: seconds are a number"),
        (["--only", "rolback"], "did you mean 'rollback'?"),
        (["--defect", "nope"], "unknown defect 'nope'"),
        (["--target", "gopher://x"], "gopher"),
        (["--target", "torchserve+http://127.0.0.1:1"], "127.0.0.1"),
        (["--replay", "none.json"], "none.json"),
        (["--database", "/dev/null/x"], "name a directory that can be made"),
        (["--out", "/dev/null/x"], "name a directory that can be made"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    place = ["--out", str(tmp_path / "out"), "--database", "none"]
    result = CliRunner().invoke(verify, [*place, *arguments])

    assert result.exit_code == 1, result.output
    assert words in result.output
    assert result.output.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in result.output


def _until(
    chaos: ChaosCommand, process: subprocess.Popen[str], words: str, count: int, out: str = "out"
) -> None:
    """Wait until the history has some words so often."""
    deadline = time.monotonic() + 60
    history = chaos.directory / out / "history.jsonl"
    while time.monotonic() < deadline and process.poll() is None:
        if history.exists() and history.read_text().count(words) >= count:
            return
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"there was no {words}:\n{process.communicate()[0]}")
