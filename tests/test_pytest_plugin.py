"""Somebody's own rules and invariants, as docs/verify.md shows them, in a test of theirs; and their handlers."""

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
    never = shown().replace("> 2.0", "> 0.0").replace('"describe"', '"register"')
    ended = ran(tmp_path, never)

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "prompt" in ended.stdout
    assert re.search(r"register [a-z]", ended.stdout)
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


HANDLERS = """
import pathlib, pytest

PACKAGES = pathlib.Path({packages!r})
SAMPLES = [{{"data": '{{"values": [1.0]}}'}}]


def test_it_is_sound(chaos_handler, tmp_path):
    code = tmp_path / "mine" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text("def model_fn(d): return 2.0\\ndef predict_fn(d, m): return d * m\\n")
    result = chaos_handler(tmp_path / "mine", samples=[{{"data": "[1, 2]"}}], leak_calls=40)
    assert result.overall_success
    assert result.end_to_end_results[0].answer_start == "[2.0, 4.0]"


def test_it_is_not(chaos_handler):
    chaos_handler(PACKAGES / "bad_predict_raises", samples=SAMPLES, leak_calls=40)


def test_it_need_not_be(chaos_handler):
    result = chaos_handler(PACKAGES / "bad_predict_raises", samples=SAMPLES, leak_calls=40, sound=False)
    assert not result.overall_success


def test_it_is_not_there(chaos_handler):
    chaos_handler("nowhere", samples=SAMPLES)
"""


def test_handlers_are_tested(tmp_path: Path) -> None:
    ended = ran(tmp_path, HANDLERS.format(packages=str(ROOT / "tests" / "packages")), "--tb=short")

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "2 failed, 2 passed" in ended.stdout, ended.stdout
    assert "bad_predict_raises is not sound" in ended.stdout
    assert re.search(r"fail predict_fn: .* calls? did not go as ", ended.stdout)
    assert "nowhere: there is no such package" in ended.stdout
    report = re.search(r"^E? *(/.*report\.html)$", ended.stdout, re.MULTILINE)
    assert report is not None
    assert Path(report[1]).is_file()
