"""A user's mistake, to ``chaos run`` and ``chaos lint`` alike: one clear error, non-zero exit, no traceback."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ChaosCommand

Change = Callable[[dict[str, Any]], None]


def arguments(experiment: dict[str, Any]) -> dict[str, Any]:
    """The control's arguments."""
    found: dict[str, Any] = experiment["controls"][0]["provider"]["arguments"]
    return found


def _unknown_probe(experiment: dict[str, Any]) -> None:
    arguments(experiment)["probes"] = ["victmi.json"]


def _wrong_type(experiment: dict[str, Any]) -> None:
    arguments(experiment)["seconds"]["baseline"] = "soon"


def _unknown_argument(experiment: dict[str, Any]) -> None:
    arguments(experiment)["taget"] = "embedded"


def _unknown_strategy(experiment: dict[str, Any]) -> None:
    experiment["runtime"]["rollbacks"]["strategy"] = "alwayz"


def _unknown_ref(experiment: dict[str, Any]) -> None:
    experiment["rollbacks"].append({"ref": "nobody"})


def _unknown_mode(experiment: dict[str, Any]) -> None:
    arguments(experiment)["models"][1]["hostile"] = "ocupy"


def _unknown_function_argument(experiment: dict[str, Any]) -> None:
    experiment["method"][0]["provider"]["arguments"]["intensty"] = 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_unknown_probe, "victmi"),
        (_wrong_type, "seconds.baseline"),
        (_unknown_argument, "taget"),
        (_unknown_strategy, "alwayz"),
        (_unknown_ref, "nobody"),
        (_unknown_mode, "hostile"),
        (_unknown_function_argument, "intensty"),
    ],
)
def test_what_both_find(chaos: ChaosCommand, change: Change, told: str) -> None:
    name = chaos.write(change)
    linted, ran = chaos("lint", name), chaos("run", name)

    for ended in (linted, ran):
        assert ended.exit_code == 1, ended.output
        assert told in ended.output
        assert "Traceback" not in ended.output
    assert not (chaos.directory / "reports").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [('{"title": "x",\n  "method": [}', "2"), ("[1, 2]", "object"), ("\x00\x01", "JSON"), ("", "JSON")],
)
def test_broken_documents(chaos: ChaosCommand, text: str, told: str) -> None:
    (chaos.directory / "broken.json").write_text(text)
    for command in ("lint", "run"):
        ended = chaos(command, "broken.json")

        assert ended.exit_code != 0
        assert told in ended.output
        assert "Traceback" not in ended.output


def test_a_broken_probe_file(chaos: ChaosCommand) -> None:
    name = chaos.write()
    (chaos.directory / "victim.json").write_text('{"name": "victim",}')
    for ended in (chaos("lint", name), chaos("lint", "victim.json"), chaos("run", name)):
        assert ended.exit_code == 1
        assert "victim.json" in ended.output
        assert "Traceback" not in ended.output


def test_an_unknown_objective(chaos: ChaosCommand) -> None:
    chaos.write_probe(objectives=[{"sli": "availibility", "at_least": 0.9}])
    name = chaos.write()
    for ended in (chaos("lint", name), chaos("lint", "victim.json"), chaos("run", name)):
        assert ended.exit_code == 1
        assert "availability" in ended.output
        assert "Traceback" not in ended.output


@pytest.mark.parametrize("missing", ["run", "lint"])
def test_a_file_that_is_not_there(chaos: ChaosCommand, missing: str) -> None:
    ended = chaos(missing, "nowhere.json")

    assert ended.exit_code != 0
    assert "nowhere.json" in ended.output
    assert "Traceback" not in ended.output


def _target(url: str) -> Change:
    return lambda experiment: arguments(experiment).update(target=url)


def _package(name: str) -> Change:
    def change(experiment: dict[str, Any]) -> None:
        arguments(experiment)["models"][0]["package"] = name

    return change


def test_an_unreachable_target(chaos: ChaosCommand) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for scheme in ("torchserve+http", "oip+http"):
            ended = chaos("run", chaos.write(_target(f"{scheme}://127.0.0.1:{port}")))

            assert ended.exit_code == 1
            assert str(port) in ended.output
            assert "Traceback" not in ended.output


def test_a_port_in_use(chaos: ChaosCommand) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = chaos("run", chaos.write(_target(f"embedded?inference={port}")))

    assert ended.exit_code == 1
    assert str(port) in ended.output
    assert "in use" in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_package("no-such-package"), "no-such-package"),
        (_target("torchsrve+http://127.0.0.1:1"), "torchserve"),
        (_target("torchserve+http://192.0.2.1:8080"), "allow"),
    ],
)
def test_what_only_a_run_finds(chaos: ChaosCommand, change: Change, told: str) -> None:
    ended = chaos("run", chaos.write(change))

    assert ended.exit_code == 1
    assert told in ended.output
    assert "Traceback" not in ended.output


def test_a_run_directory_that_cannot_be_made(chaos: ChaosCommand) -> None:
    (chaos.directory / "reports").write_text("a file")
    ended = chaos("run", chaos.write())

    assert ended.exit_code == 1
    assert "reports" in ended.output
    assert "internal error" not in ended.output
    assert "Traceback" not in ended.output


def test_a_defect_asked_of_a_target_that_has_none(chaos: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        arguments(experiment).update(target="torchserve+http://127.0.0.1:1", defect="shared_queue")

    ended = chaos("run", chaos.write(change))

    assert ended.exit_code == 1
    assert "defect" in ended.output
    assert "Traceback" not in ended.output


def test_an_unknown_defect(chaos: ChaosCommand) -> None:
    ended = chaos("run", chaos.write(lambda experiment: arguments(experiment).update(defect="shared_cue")))

    assert ended.exit_code == 1
    assert "shared_queue" in ended.output
    assert "Traceback" not in ended.output


def test_a_target_without_the_needed_capability(chaos: ChaosCommand) -> None:
    (chaos.directory / "mute.py").write_text(
        "class Mute:\n"
        "    url = 'mute'\n"
        "    async def open(self): pass\n"
        "    async def close(self): pass\n"
        "    async def healthy(self): return True\n"
        "def open_target(url, context): return Mute()\n"
    )
    package = chaos.directory / "mute_target-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: mute-target\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[chaos.targets]\nmute = mute:open_target\n")
    ended = chaos("run", chaos.write(_target("mute")))

    assert ended.exit_code == 1
    assert "capability" in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.parametrize("content", [None, '{"kind": "frame"}\n', "garbage\n{}\n"])
def test_report_on_what_is_no_run_directory(chaos: ChaosCommand, content: str | None) -> None:
    if content is not None:
        (chaos.directory / "history.jsonl").write_text(content)
    ended = chaos("report", ".")

    assert ended.exit_code == 1
    assert "history.jsonl" in ended.output
    assert "Traceback" not in ended.output
