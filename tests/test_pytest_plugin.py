"""Somebody's own rules and invariants, as docs/verify.md shows them, in a test of theirs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "verify.md"


PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "someones-rules"
version = "1.0"
"""


def ran(
    directory: Path, text: str, *arguments: str, site: Path | None = None
) -> subprocess.CompletedProcess[str]:
    (directory / "test_mine.py").write_text(text)
    (directory / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "test_mine.py"]
    env = {**os.environ, **({"PYTHONPATH": str(site)} if site else {})}
    return subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, timeout=110)


def shown() -> str:
    """The example of the documentation, on the embedded platform, with few programs."""
    (text,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return re.sub(r', target="[^"]*", examples=\d+', ", examples=3", text)


def installed(directory: Path, text: str) -> Path:
    """A package of somebody's own with this text, built and installed into a directory."""
    source = directory / "source"
    (source / "someones_rules").mkdir(parents=True)
    (source / "someones_rules" / "__init__.py").write_text(text)
    (source / "pyproject.toml").write_text(PROJECT)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    options = ["--no-build-isolation", "--no-index", "--target", str(directory / "site")]
    subprocess.run([*pip, *options, str(source)], check=True, timeout=100)
    return directory / "site"


def test_rules_and_invariants_work_from_a_package_of_their_own(tmp_path: Path) -> None:
    rules, test = shown().split("\n\n\ndef ", 1)
    site = installed(tmp_path, rules)
    ended = ran(tmp_path, f"from someones_rules import Mine, Prompt\n\n\ndef {test}", site=site)

    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.timeout(150)
def test_an_invariant_of_ones_own_fails_with_the_smallest_program(tmp_path: Path) -> None:
    never = shown().replace("> 2.0", "> 0.0").replace("examples=3", "examples=40, steps=4")
    ended = ran(tmp_path, never)

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "prompt" in ended.stdout
    assert re.search(r"describe [a-z]", ended.stdout)
    assert "report.html" in ended.stdout
    assert "Traceback" not in ended.stdout


def test_the_command_line_says_how_many_and_where(tmp_path: Path) -> None:
    asked = "def test_it(chaos_verify):\n    print('ran', len(chaos_verify(steps=3).examples))\n"
    ended = ran(tmp_path, asked, "--chaos-examples", "2", "-s")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "ran 2" in ended.stdout
    nowhere = ran(tmp_path, asked, "--chaos-target", "torchserve+http://127.0.0.1:1")
    assert nowhere.returncode == 1
    assert "127.0.0.1" in nowhere.stdout
