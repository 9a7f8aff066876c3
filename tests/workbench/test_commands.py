"""``chaos handler``: what its commands leave, one line for a mistake, and what ends them."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import psutil
import pytest
from click.testing import CliRunner, Result

from chaos.cli import report
from chaos.schemas import published
from chaos.workbench.commands import handler
from tests.conftest import ChaosCommand

TESTS = Path(__file__).parents[1]
PACKAGES, PAYLOADS = TESTS / "packages", TESTS / "payloads"
FEW = ("--leak-calls", "20")

SCRIPT = """
from pathlib import Path

def main(input_paths, output_paths, environ_vars, job_args):
    rows = Path(input_paths["raw"]).read_text()
    Path(output_paths["data"]).mkdir(exist_ok=True)
    Path(output_paths["data"], "rows." + job_args.suffix).write_text(rows * job_args.times)
"""


def ran(*words: str | Path) -> Result:
    return CliRunner().invoke(handler, [str(word) for word in words])


def document(directory: Path) -> dict[str, Any]:
    """summary.json, which keeps to its schema."""
    found: dict[str, Any] = json.loads((directory / "summary.json").read_text())
    jsonschema.validate(found, published()["handler"])
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_good_package_is_packed_tested_and_reported_again(chaos: ChaosCommand) -> None:
    packed = ran("pack", PACKAGES / "good_plain", "--out", chaos.directory / "plain.tar.gz")
    assert packed.exit_code == 0, packed.output
    assert re.search(r"plain.tar.gz: \d.* KiB|B, SHA-256 [0-9a-f]{64}", packed.output)

    payloads = str(PAYLOADS / "good_plain")
    tested = chaos(
        "handler", "test", "plain.tar.gz", "--payloads", payloads, "--fuzz", "10", "--seed", "5", *FEW
    )
    assert tested.exit_code == 0, tested.output
    assert "verdict: pass. It is fit to be deployed." in tested.output
    assert f"again with: chaos handler test plain.tar.gz --payloads {payloads}" in tested.output
    assert re.search(r"\] generated: 10 of 10", tested.output)

    found = document(tested.run_directory)
    assert (found["handler_name"], found["seed"], found["verdict"]) == ("plain", 5, "pass")
    assert found["version"]
    assert {each["name"]: each["verdict"] for each in found["checks"]}["generated"] == "pass"
    suite = ElementTree.parse(tested.run_directory / "junit.xml").getroot()  # noqa: S314
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("0", "0")

    (tested.run_directory / "report.html").unlink()
    reported = CliRunner().invoke(report, [str(tested.run_directory)])
    assert reported.exit_code == 0, reported.output
    assert "verdict: pass." in reported.output
    assert "It is fit to be deployed" in (tested.run_directory / "report.html").read_text()


def test_a_bad_package_is_not_green(here: Path) -> None:
    ended = ran("test", PACKAGES / "bad_arity", "--payloads", PAYLOADS / "bad_arity", "--out", "out")

    assert ended.exit_code == 1, ended.output
    assert "✗ contract" in ended.output
    assert "verdict: fail. It is not fit to be deployed. Contract does not hold:" in ended.output
    assert document(here / "out")["overall_success"] is False
    assert "<failure" in (here / "out" / "junit.xml").read_text()


def test_limits_are_those_that_were_given(here: Path) -> None:
    limits = (
        "--memory",
        "256M",
        "--cpu",
        "3",
        "--timeout",
        "0.4",
        "--load-timeout",
        "20",
        "--processes",
        "9",
    )
    package, payloads = PACKAGES / "bad_hangs", PAYLOADS / "bad_hangs"
    ended = ran("test", package, "--payloads", payloads, *limits, "--parallel", "1", "--out", "out")

    assert ended.exit_code == 1, ended.output
    assert "did not end within 0.4 s" in ended.output
    told = document(here / "out")["limits"]
    given = {"memory": 256 << 20, "cpu": 3, "call": 0.4, "load": 20, "processes": 9}
    assert {name: told[name] for name in given} == given


def test_requests_are_made_from_a_schema_where_there_are_no_samples(here: Path) -> None:
    schema = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
    (here / "schema.json").write_text(json.dumps(schema))
    words = ("--schema", "schema.json", "--fuzz", "12", "--seed", "1", *FEW)
    ended = ran("test", PACKAGES / "bad_reloads", *words, "--out", "out")

    found = document(here / "out")
    assert [each["name"] for each in found["checks"] if each["verdict"] == "fail"] == ["loaded once"], (
        ended.output
    )
    assert found["end_to_end_results"]


@pytest.mark.parametrize(
    ("suffix", "times", "code", "words"),
    [
        ("csv", 2, 0, "The file that the script wrote can be read as text/csv."),
        ("json", 1, 1, "rows.json as application/json: "),
        ("csv", 0, 1, "the script"),
    ],
)
def test_a_script_before_a_package(here: Path, suffix: str, times: int, code: int, words: str) -> None:
    (here / "script.py").write_text(SCRIPT)
    (here / "raw").write_text("1.0,2.0,3.0\n")
    asked = ("--input", "raw=raw", "--output", "data=ready", "--argument", f"suffix={suffix}")
    arguments = (*asked, "--argument", f"times={times}", "--content-type", "application/json")
    ended = ran("compat", "script.py", PACKAGES / "bad_reloads", *arguments, "--out", "out")

    assert ended.exit_code == code, ended.output
    assert words in ended.output
    assert document(here / "out")["compatible"] is (code == 0)


def test_a_command_before_a_package(here: Path) -> None:
    command = "sh -c 'echo 1.0,2.0,3.0 > $0/rows.csv' {output:data}"
    package = PACKAGES / "bad_reloads"
    ended = ran("compat", "rows", package, "--command", command, "--output", "data=ready", "--out", "out")

    assert ended.exit_code == 0, ended.output
    assert document(here / "out")["script"] == "rows"


def test_a_pipeline(here: Path) -> None:
    (here / "script.py").write_text(SCRIPT)
    (here / "raw").write_text("1.0,2.0,3.0\n")
    given = {"suffix": "csv", "times": 1}
    nodes = {
        "prepare": {
            "script": "script.py",
            "inputs": {"raw": "raw"},
            "outputs": {"data": ""},
            "arguments": given,
        },
        "serve": {"handler": str(PACKAGES / "bad_arity"), "payloads": str(PAYLOADS / "bad_arity")},
    }
    graph = {"$schema": "pipeline.schema.json", "nodes": nodes, "edges": [["prepare", "serve"]]}
    jsonschema.validate(graph, published()["pipeline"])
    (here / "graph.json").write_text(json.dumps(graph))
    ended = ran("pipeline", "graph.json", "--out", "out")

    assert ended.exit_code == 1, ended.output
    found = document(here / "out")
    assert {each["name"]: each["verdict"] for each in found["nodes"]} == {"prepare": "pass", "serve": "fail"}
    assert found["name"] == "graph"
    assert [path.name for path in (here / "out" / "workspace").rglob("rows.csv")] == ["rows.csv"]


GOOD, SAMPLES = str(PACKAGES / "good_plain"), str(PAYLOADS / "good_plain")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["test", "nowhere", "--payloads", SAMPLES], "nowhere: there is no such file or directory"),
        (["test", GOOD], "name a directory of samples with --payloads, or a --schema with --fuzz"),
        (["test", GOOD, "--payloads", "nowhere"], "nowhere: there is no such directory of samples"),
        (
            ["test", GOOD, "--payloads", SAMPLES, "--schema", "list.json", "--fuzz", "1"],
            "a JSON Schema is an object",
        ),
        (["test", GOOD, "--payloads", SAMPLES, "--out", "/dev/null/x"], "name a directory that can be made"),
        (["compat", "no.py", GOOD], "no.py: there is no such file"),
        (["compat", "x", GOOD, "--command", "a 'b"], "No closing quotation"),
        (["compat", "x", GOOD, "--command", " "], "--command is blank"),
        (["compat", "x", GOOD, "--command", "no-such-program"], "no-such-program"),
        (["pipeline", "no.json"], "no.json: cannot be read"),
        (["pipeline", "list.json"], "list.json: has to be an object"),
        (["pack", "."], "a model package holds code/inference.py"),
        (["pack", GOOD, "--out", "nowhere/x.tar.gz"], "nowhere/x.tar.gz"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], words: str, here: Path) -> None:
    (here / "list.json").write_text("[1]")
    ended = ran(*arguments)

    assert ended.exit_code == 1, ended.output
    assert words in ended.output
    assert ended.output.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in ended.output
    assert not [*(here / "reports").glob("*")]


HANGS = {"handler": str(PACKAGES / "bad_hangs"), "payloads": str(PAYLOADS / "bad_hangs")}


@pytest.mark.parametrize("command", ["test", "pipeline"])
def test_a_signal_ends_it_and_leaves_what_there_is_and_no_process(chaos: ChaosCommand, command: str) -> None:
    (chaos.directory / "graph.json").write_text(json.dumps({"nodes": {"a": HANGS, "b": HANGS}}))
    what = ["graph.json"] if command == "pipeline" else [HANGS["handler"], "--payloads", HANGS["payloads"]]
    process = chaos.start("handler", command, *what, "--timeout", "300", "--out", "out")
    deadline = time.monotonic() + 60
    begun: list[psutil.Process] = []
    # two hosts, and in each the process of a handler that hangs
    while len(begun) < 4 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
        begun = psutil.Process(process.pid).children(recursive=True)
    time.sleep(0.5)
    process.terminate()
    ended = chaos.end(process, seconds=60)

    assert len(begun) >= 4
    assert ended.exit_code == 128 + signal.SIGTERM, ended.output
    assert "Traceback" not in ended.output
    assert not [each for each in begun if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    found = document(chaos.directory / "out")
    assert found["verdict"] == "unknown"
    checks = found["checks" if command == "test" else "nodes"]
    assert checks[-1]["words"] == "it was cut short by SIGTERM"
    if command == "test":
        assert [each["name"] for each in checks][:2] == ["package", "requirements"]
