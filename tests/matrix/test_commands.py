"""``chaos matrix`` and ``chaos calibrate`` as processes: exit codes, one line for a mistake, and whatever ends them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from click import Command
from click.testing import CliRunner

from chaos.matrix.commands import calibrate, matrix
from tests.conftest import ChaosCommand

ROOT = Path(__file__).parents[2]


class Synthetic(ChaosCommand):
    """The commands with the synthetic property in every code."""

    def _own_environment(self) -> dict[str, str]:
        return {**super()._own_environment(), "PYTHONPATH": str(ROOT)}

    def until_measuring(self, process: subprocess.Popen[str], group: str, out: str = "out") -> None:
        """Wait until a group is being measured."""
        deadline = time.monotonic() + 60
        history = self.directory / out / "cells" / group / "history.jsonl"
        while time.monotonic() < deadline and process.poll() is None:
            if history.exists() and '"begin"' in history.read_text():
                return
            time.sleep(0.02)
        process.kill()
        raise AssertionError(f"{group} was never measured:\n{process.communicate()[0]}")

    def document(self, out: str = "out") -> dict[str, Any]:
        """matrix.json."""
        found: dict[str, Any] = json.loads((self.directory / out / "matrix.json").read_text())
        return found


@pytest.fixture
def synthetic(chaos: ChaosCommand) -> Synthetic:
    return Synthetic(chaos.directory, chaos.mark, (sys.executable, "-m", "tests.matrix.synthetic"))


def test_a_whole_matrix_and_its_report_again(synthetic: Synthetic, chaos: ChaosCommand) -> None:
    ended = synthetic(
        "matrix", "--cells", "list:A,list:B,health:B", "--out", "out", "--seed", "3", "--set", "B.value=3"
    )

    assert ended.exit_code == 1, ended.output  # B is above its limit
    assert "seed 3" in ended.output
    assert "✓ list:A pass" in ended.output
    before = synthetic.document()
    assert before["verdict"] == "fail"
    for name in ("matrix.json", "junit.xml", "report.html"):
        (synthetic.directory / "out" / name).unlink()
    reported = chaos("report", "out")  # with the real properties, which make nothing of it, and do not break
    assert reported.exit_code == 0, reported.output
    assert {cell["verdict"] for cell in synthetic.document()["cells"]} == {"unknown"}
    assert (synthetic.directory / "out" / "report.html").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_what_was_measured(synthetic: Synthetic, number: signal.Signals, code: int) -> None:
    arguments = (
        "matrix",
        "--cells",
        "list:A,scale:D",
        "--out",
        "out",
        "--seed",
        "3",
        "--set",
        "D.seconds=30",
    )
    process = synthetic.start(*arguments)
    synthetic.until_measuring(process, "scale-D")
    process.send_signal(number)
    ended = synthetic.end(process, 30)

    assert ended.exit_code == code, ended.output
    assert "go on with" in ended.output
    assert {cell["code"]: cell["verdict"] for cell in synthetic.document()["cells"]} == {
        "A": "pass",
        "D": "unknown",
    }
    assert (synthetic.directory / "out" / "report.html").exists()
    assert synthetic.leftovers() == []


def test_killed_it_leaves_nothing_and_goes_on(synthetic: Synthetic) -> None:
    arguments = (
        "matrix",
        "--cells",
        "list:A,health:A,scale:D",
        "--out",
        "out",
        "--seed",
        "3",
        "--set",
        "D.seconds=2",
    )
    process = synthetic.start(*arguments)
    synthetic.until_measuring(process, "scale-D")
    psutil.Process(process.pid).kill()
    process.communicate()

    assert synthetic.leftovers() == []  # the warden saw to it
    assert not list((synthetic.directory / "ledgers").glob("*.jsonl"))
    assert [cell["verdict"] for cell in synthetic.document()["cells"]].count("pass") == 2

    other = CliRunner().invoke(matrix, ["--out", str(synthetic.directory / "out"), "--seed", "4"])
    assert other.exit_code == 1
    assert "begun with --seed 3, not 4" in other.output
    again = synthetic("matrix", "--out", "out")
    assert again.exit_code == 0, again.output
    assert again.output.count(": measuring") == 1
    assert "scale:D: measuring" in again.output


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (matrix, ("--cells", "list:Q"), "no cell 'list:Q'"),
        (matrix, ("--set", "B.speed=1"), "no setting 'speed'"),
        (matrix, ("--set", "B=1"), "CODE.name=value"),
        (matrix, ("--out", "file/below"), "--out file/below"),
        (matrix, ("--target", "nowhere"), "nowhere"),
        (matrix, ("--defect", "nothing"), "unknown defect 'nothing'"),
        (calibrate, ("--cells", "list:Q"), "no cell 'list:Q'"),
        (calibrate, ("--defects", "nothing"), "unknown defect 'nothing'"),
        (calibrate, ("--set", "B.speed=1"), "no setting 'speed'"),
        (calibrate, ("--out", "file/below"), "--out file/below"),
    ],
)
def test_a_mistake_is_one_line(
    command: Command, arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no directory")
    ended = CliRunner().invoke(command, arguments)

    assert ended.exit_code == 1
    assert ended.output.count("\n") == 1
    assert ended.output.startswith("error: ")
    assert words in ended.output
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_calibration_counts_resumes_and_says_what_was_missed(synthetic: Synthetic) -> None:
    arguments = (
        "calibrate",
        "--cells",
        "inference:C",
        "--defects",
        "shared_queue",
        "--out",
        "out",
        "--seed",
        "3",
    )
    first = synthetic(*arguments, "--trials", "1", "--clean-runs", "1")

    # the synthetic property passes whatever the platform does, so the defect is missed
    assert first.exit_code == 1, first.output
    assert "false alarms: 0 of 1 runs" in first.output
    assert "missed: shared_queue was found by inference:C in 0 of 1 trials" in first.output
    found = json.loads((synthetic.directory / "out" / "calibrate.json").read_text())
    assert found["defects"][0]["detected"]["count"] == 0
    assert (
        "| `shared_queue` | inference:C | 0 of 1 |"
        in (synthetic.directory / "out" / "calibrate.md").read_text()
    )

    kept = {
        path: path.stat().st_mtime_ns
        for path in synthetic.directory.glob("out/trials/*/cells/*/history.jsonl")
    }
    more = synthetic(*arguments, "--trials", "1", "--clean-runs", "2")
    assert "false alarms: 0 of 2 runs" in more.output
    assert len(kept) == 2
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    other = CliRunner().invoke(calibrate, ["--out", str(synthetic.directory / "out"), "--seed", "4"])
    assert other.exit_code == 1
    assert "another --seed" in other.output
