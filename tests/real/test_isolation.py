"""The isolation experiment against real servers: a truthful verdict each, whatever it is.

What a server answers to a hostile handler is its own affair; what is asserted is that the harness measured
it: that the fault was in force, that the victim was measured in every phase, that exit code and verdict agree, and that
nothing stays behind.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]
CHAOS = str(Path(sys.executable).parent / "chaos")
SECONDS = "8"
MODES = ("burn", "crash", "huge", "occupy")
"""Those whose handlers the rigs' model stores and bridges hold; the others stream, or need a limit on descriptors."""


@pytest.mark.parametrize("mode", MODES)
def test_a_truthful_verdict(server_url: str, mode: str, tmp_path: Path) -> None:
    variables = {
        "target": server_url,
        "mode": mode,
        "seed": "1",
        "seconds": SECONDS,
        "reports": str(tmp_path),
    }
    command = [
        CHAOS,
        "--no-version-check",
        "--no-log-file",
        "run",
        "--journal-path",
        str(tmp_path / "journal.json"),
    ]
    for name, value in variables.items():
        command += ["--var", f"{name}={value}"]
    ended = subprocess.run(
        [*command, "experiments/isolation.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    (summary_file,) = tmp_path.glob("*/summary.json")
    summary = json.loads(summary_file.read_text(encoding="utf-8"))
    print(f"\n{server_url} {mode}: {summary['verdict']}: {summary['reason']}")
    for entry in summary["objectives"]:
        print(f"  {entry['phase']:<9} {entry['objective']:<18} {entry['verdict']:<8} {entry['reason']}")

    assert (ended.returncode == 0) == (summary["verdict"] == "pass"), ended.stderr
    assert "Traceback" not in ended.stderr
    measured = {
        entry["phase"]: entry["n"] for entry in summary["objectives"] if entry["objective"] == "availability"
    }
    assert all(measured[phase] > 0 for phase in ("baseline", "fault", "recovery"))
    (fault,) = summary["faults"]
    assert fault["injected"] is not None
    assert fault["reverted"] is not None
