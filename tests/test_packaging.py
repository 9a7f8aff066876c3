"""The package as users install it: a wheel, which holds everything, and which Chaos Toolkit discovers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ChaosCommand

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel was installed, beside nothing else."""
    place = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(place)]
    subprocess.run([*pip, *options, str(ROOT)], check=True, timeout=100)
    return place


def test_the_wheel_holds_what_is_no_python(installed: Path) -> None:
    there = {str(path.relative_to(installed)) for path in (installed / "chaos").rglob("*") if path.is_file()}
    here = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "chaos").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert there >= here
    assert any(name.endswith(".schema.json") for name in there)


def test_discovery_lists_our_activities(installed: Path, chaos: ChaosCommand) -> None:
    ended = chaos("discover", "--no-install", "chaostoolkit-serving", PYTHONPATH=str(installed))

    assert ended.exit_code == 0, ended.output
    found = json.loads((chaos.directory / "discovery.json").read_text())
    activities = {(entry["type"], entry["name"]): entry for entry in found["activities"]}
    assert set(activities) == {
        ("action", "inject"),
        ("action", "measure"),
        ("action", "operate"),
        ("action", "revert_faults"),
        ("probe", "handler_is_sound"),
        ("probe", "objectives_hold"),
        ("probe", "program_holds"),
    }
    arguments = {argument["name"] for argument in activities["action", "inject"]["arguments"]}
    assert {"fault", "seconds"} <= arguments
