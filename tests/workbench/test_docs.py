"""What docs/handlers.md shows works: its Python, its commands, its documents."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from chaos.lint import lint_file
from chaos.offline.samples import SampleDocument
from chaos.offline.specs import InferenceHandlerSpec
from chaos.offline.testing import test_package
from chaos.schemas import published
from chaos.workbench.commands import handler
from chaos.workbench.gate import gate_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "handlers.md").read_text(encoding="utf-8")

SCRIPT = """
import json
from pathlib import Path


def main(input_paths, output_paths, environ_vars, job_args):
    place = Path(output_paths["data_output"])
    place.mkdir(exist_ok=True)
    (place / "rows.json").write_text(json.dumps({"instances": [[6.7, 3.0, 5.2, 2.3]]}))
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_the_python_works(number: int, tmp_path: Path) -> None:
    for name, source in (("models", "chaos/embedded/packages"), ("payloads", "experiments/payloads")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "iris").symlink_to(ROOT / source / "iris")
    (tmp_path / "prepare.py").write_text(SCRIPT)
    (tmp_path / "shown.py").write_text(blocks("python")[number])
    ended = subprocess.run(
        [sys.executable, "-W", "error", "shown.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""


def commands() -> list[list[str]]:
    lines = [line.split("   ")[0] for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("chaos handler")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_commands_take_what_is_shown(words: list[str]) -> None:
    name, *arguments = words[2:]
    command = handler.get_command(handler.make_context("handler", [name]), name)

    assert command is not None
    assert command.make_context(name, arguments).params


def test_every_command_is_shown() -> None:
    context = handler.make_context("handler", ["test"])

    assert {words[2] for words in commands()} == set(handler.list_commands(context))


def test_the_documents_are_valid(tmp_path: Path) -> None:
    side, graph, gate = (json.loads(text) for text in blocks("json"))

    SampleDocument.model_validate(side)
    jsonschema.validate(graph, published()["pipeline"])
    assert gate_of(gate["provider"]["arguments"]).fuzz == 50
    experiment = {"title": "t", "description": "d", "method": [], "steady-state-hypothesis": {"title": "h"}}
    experiment["steady-state-hypothesis"] = {"title": "h", "probes": [gate]}
    (tmp_path / "experiment.json").write_text(json.dumps(experiment))
    assert lint_file(tmp_path / "experiment.json") == []


def test_every_check_and_limit_is_told() -> None:
    found = set(re.findall(r"`([a-z_ -]+)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE))))
    tests = ROOT / "tests"
    spec = InferenceHandlerSpec(
        handler_name="bad_arity",
        packaged_model_path=str(tests / "packages" / "bad_arity"),
        payload_samples_path=str(tests / "payloads" / "bad_arity"),
    )
    checks = {check.name for check in test_package(spec).checks} | {"generated"}

    assert len(checks) == 18
    assert checks <= found
    assert {"--memory", "--cpu", "--timeout", "--load-timeout", "--processes"} <= found
