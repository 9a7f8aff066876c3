"""Faults through the stock ``chaos run``: a user's own, a dry run, and what is said when one cannot be (un)done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ChaosCommand

USERS = '''
from pathlib import Path
from typing import ClassVar
import anyio
from chaos.faults.base import Blast, FaultArguments, FaultError, Needs, RevertError

class Arguments(FaultArguments):
    path: str
    stuck: bool = False
    fails: bool = False

class Litter:
    """Leaves a file somewhere."""
    Arguments: ClassVar = Arguments
    needs: ClassVar = Needs()
    def __init__(self, arguments):
        self.arguments = arguments
    async def inject(self, context):
        path = Path(self.arguments.path).absolute()
        await context.intend(Blast((f"file {path.name}",)), {"path": str(path), "stuck": self.arguments.stuck})
        if self.arguments.fails:
            raise FaultError("the disk is read-only")
        path.touch()
    async def hold(self, seconds):
        await anyio.sleep(seconds)
    @staticmethod
    async def revert(undo):
        if undo["stuck"]:
            raise RevertError(f"{undo['path']} is stuck (remove it by hand)")
        Path(undo["path"]).unlink(missing_ok=True)
        return "removed the file"
'''


@pytest.fixture
def users(chaos: ChaosCommand) -> ChaosCommand:
    """``chaos`` with a package of the user's that has a fault."""
    (chaos.directory / "litter.py").write_text(USERS)
    metadata = chaos.directory / "users-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: users\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[chaos.faults]\nlitter = litter:Litter\n")
    return chaos


def inject(experiment: dict[str, Any], fault: str, **arguments: Any) -> None:
    """Have the experiment inject this."""
    experiment["method"][0]["provider"]["arguments"] = {"fault": fault, "seconds": 0.8, **arguments}


def test_a_users_own_fault(users: ChaosCommand) -> None:
    ended = users("run", users.write(lambda experiment: inject(experiment, "litter", path="here")))

    assert ended.exit_code == 0, ended.output
    assert not (users.directory / "here").exists()
    [fault] = ended.summary["faults"]
    assert fault["fault"] == "litter"
    assert 0.7 < fault["reverted"] - fault["injected"] < 3.0
    assert '"did": "removed the file"' in (ended.run_directory / "ledger.jsonl").read_text()


def test_its_arguments_are_checked_before_anything_starts(users: ChaosCommand) -> None:
    ended = users("run", users.write(lambda experiment: inject(experiment, "litter", pth="here")))

    assert ended.exit_code == 1
    assert "did you mean 'path'?" in ended.output
    assert not (users.directory / "reports").exists()


def test_one_that_cannot_be_injected(users: ChaosCommand) -> None:
    ended = users(
        "run", users.write(lambda experiment: inject(experiment, "litter", path="here", fails=True))
    )

    assert ended.exit_code == 1
    assert "the disk is read-only" in ended.output
    assert ended.summary["verdict"] == "unknown"


def test_one_that_cannot_be_reverted_is_loud(users: ChaosCommand) -> None:
    ended = users(
        "run", users.write(lambda experiment: inject(experiment, "litter", path="here", stuck=True))
    )

    assert ended.exit_code == 1
    assert "could not be reverted, and may still be in force" in ended.output
    assert "here is stuck (remove it by hand)" in ended.output
    assert "chaos recover" in ended.output
    assert "remove it by hand" in (ended.run_directory / "report.html").read_text()
    listed = users("recover", "--list")
    assert "file here (not reverted)" in listed.output


def test_a_dry_run_says_what_would_be_touched_and_touches_nothing(users: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        inject(experiment, "litter", path="here")
        for name, arguments in (
            ("process", {"action": "stop", "role": "replica", "model": "victim"}),
            ("handler_dos", {"model": "hostile"}),
        ):
            provider = {
                **experiment["method"][0]["provider"],
                "arguments": {"fault": name, "seconds": 1, **arguments},
            }
            experiment["method"].append({"type": "action", "name": name, "provider": provider})
        experiment["controls"][0]["provider"]["arguments"]["models"][0]["workers"] = 2

    ended = users("run", "--dry", "activities", users.write(change))

    assert "litter for 0.8 s: would touch file here" in ended.output
    assert "process for 1 s: would touch" in ended.output
    assert "replica of" in ended.output
    assert "handler_dos for 1 s: would touch model 'hostile'" in ended.output
    assert not (users.directory / "here").exists()
    assert not (users.directory / "reports").exists()
    assert list((users.directory / "ledgers").glob("*")) == []


@pytest.mark.parametrize("mode", ["allocate", "leak", "slow", "cut"])
def test_a_hostile_handler_of_every_kind_is_in_force(chaos: ChaosCommand, mode: str) -> None:
    """The other modes have tests of their own; ``hang`` takes the platform half a minute to drain."""

    def change(experiment: dict[str, Any]) -> None:
        experiment["controls"][0]["provider"]["arguments"]["models"][1]["hostile"] = mode
        inject(experiment, "handler_dos", model="hostile", mode=mode, intensity=2)

    ended = chaos("run", chaos.write(change))
    assert ended.exit_code == 0, ended.output


def test_all_replicas_only_if_asked(chaos: ChaosCommand) -> None:
    def change(experiment: dict[str, Any]) -> None:
        inject(experiment, "process", action="stop", role="replica", model="victim", choose="all")

    ended = chaos("run", chaos.write(change))
    assert ended.exit_code == 1
    assert "all_replicas" in ended.output


@pytest.fixture
def server(chaos: ChaosCommand) -> Iterator[dict[str, int]]:
    """A server of somebody else's, that the run has to leave as it was; its ports."""
    command = [sys.executable, "-m", "chaos.embedded"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate()


def models(server: dict[str, int]) -> list[str]:
    """What it serves."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server['management']}/models", timeout=5) as answer:
        return sorted(entry["modelName"] for entry in json.loads(answer.read())["models"])


def on(url: str) -> Callable[[dict[str, Any]], None]:
    """An experiment on that target."""

    def change(experiment: dict[str, Any]) -> None:
        experiment["controls"][0]["provider"]["arguments"]["target"] = url

    return change


def test_a_run_by_sagemakers_api_on_somebody_elses_server(
    chaos: ChaosCommand, server: dict[str, int]
) -> None:
    url = f"sagemaker+http://127.0.0.1:{server['inference']}"
    ended = chaos("run", chaos.write(on(url)))
    assert ended.exit_code == 0, ended.output
    assert models(server) == []

    ended = chaos("run", chaos.write(on(f"{url}?multi=no")))
    assert ended.exit_code == 1
    assert "lacks the capability 'register'" in ended.output
    assert "not applicable" in ended.output


def test_a_killed_run_leaves_no_model_on_somebody_elses_server(
    chaos: ChaosCommand, server: dict[str, int]
) -> None:
    url = f"torchserve+http://127.0.0.1:{server['inference']}?management={server['management']}&store=plain"
    process = chaos.start("run", chaos.write(on(url)))
    chaos.await_phase(process, "warmup")
    assert models(server) == ["hostile", "victim"]
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 8
    while models(server) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert models(server) == []
    assert chaos.leftovers() == []


def test_the_ledger_cannot_be_written(chaos: ChaosCommand, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = chaos("run", chaos.write(), CHAOS_LEDGER=os.fspath(tmp_path / "file"))

    assert ended.exit_code == 1
    assert "CHAOS_LEDGER" in ended.output
    assert "Traceback" not in ended.output
