"""The end of the harness is the end of its faults: killed with four kinds of them in force, alone or with its warden.

The instants are drawn; ``CHAOS_KILLS`` sets how many.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import ChaosCommand

KILLS = int(os.environ.get("CHAOS_KILLS", "3"))
SECONDS = 5.0
"""Within so long after the kill nothing may be in force."""

FILTERS = os.geteuid() == 0 and shutil.which("nft") is not None


def fault(name: str, **arguments: Any) -> dict[str, Any]:
    """An action that injects a fault beside others."""
    provider = {
        "type": "python", "module": "chaos.actions", "func": "inject",
        "arguments": {"fault": name, "seconds": 4.0, **arguments},
    }  # fmt: skip
    return {"type": "action", "name": name, "background": True, "provider": provider}


def four_kinds(experiment: dict[str, Any]) -> None:
    """A stopped process, toxics on links, burners, and a packet filter (or else hostile requests) at once."""
    arguments = experiment["controls"][0]["provider"]["arguments"]
    arguments["models"][0]["workers"] = 2
    arguments["links"] = ["client", "replica"]
    fourth = fault("network", action="drop", port=9) if FILTERS else fault("handler_dos", model="hostile")
    experiment["method"] = [
        fault("process", action="stop", role="replica", model="victim"),
        fault("link", link="replica", model="hostile", toxic="latency", attributes={"latency": 50})
        | {"name": "slow"},
        fault("cpu", cores=1, share=0.3),
        fourth,
        {
            "type": "action",
            "name": "wait",
            "provider": {"type": "process", "path": "sleep", "arguments": "4"},
        },
    ]
    arguments["safety"] = {"all_replicas": True}


def commands(chaos: ChaosCommand) -> dict[psutil.Process, str]:
    """What lives of a run, with its command lines."""
    found = {}
    for process in chaos.marked():
        with suppress(psutil.Error):
            found[process] = " ".join(process.cmdline())
    return found


def filters(chaos: ChaosCommand) -> list[str]:
    """Tables of the run in the packet filter."""
    runs = [path.name.replace("-", "_") for path in (chaos.directory / "reports").glob("*")]
    if not FILTERS or not runs:
        return []
    listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout
    return [line for line in listed.splitlines() if any(run in line for run in runs)]


def cgroups(chaos: ChaosCommand) -> list[str]:
    """The platform's memory cgroups, as the ledger has them."""
    kept = [*(chaos.directory / "ledgers").glob("*"), *(chaos.directory / "reports").glob("*/ledger.jsonl")]
    named = {name for path in kept for name in re.findall(r"/sys/fs/cgroup[^\"]+", path.read_text())}
    return [name for name in sorted(named) if Path(name).exists()]


def stopped(chaos: ChaosCommand) -> list[int]:
    """Processes of the run that are frozen."""
    found = []
    for process in chaos.marked():
        with suppress(psutil.Error):
            found += [process.pid] if process.status() == psutil.STATUS_STOPPED else []
    return found


def in_force(chaos: ChaosCommand) -> list[str]:
    """What is left of a run; its platform counts, as nobody is there to stop it."""
    return [*commands(chaos).values(), *filters(chaos), *cgroups(chaos)]


def wait_clean(chaos: ChaosCommand, seconds: float) -> list[str]:
    """What is left after so long, or none as soon as there is none."""
    deadline = time.monotonic() + seconds
    while (left := in_force(chaos)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def kill_all(processes: list[psutil.Process]) -> None:
    """As at once as can be: frozen first, so that none sees another die."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@pytest.fixture
def strike(chaos: ChaosCommand) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Starts the run and waits for a drawn instant of it."""

    def start(seed: int) -> subprocess.Popen[str]:
        process = chaos.start("run", chaos.write(four_kinds))
        chaos.await_phase(process, "warmup")
        time.sleep(random.Random(seed).uniform(0.0, 6.5))
        return process

    yield start
    for process in chaos.marked():
        process.kill()


@pytest.mark.parametrize("seed", range(KILLS))
def test_the_harness_is_killed(
    chaos: ChaosCommand, strike: Callable[[int], subprocess.Popen[str]], seed: int
) -> None:
    process = strike(seed)
    process.kill()
    process.communicate()

    assert wait_clean(chaos, SECONDS) == []
    assert list((chaos.directory / "ledgers").glob("*")) == []


@pytest.mark.parametrize("seed", range(KILLS))
def test_the_harness_and_its_warden_are_killed(
    chaos: ChaosCommand, strike: Callable[[int], subprocess.Popen[str]], seed: int
) -> None:
    process = strike(1000 + seed)
    wardens = [entry for entry, command in commands(chaos).items() if "chaos.faults.warden" in command]
    kill_all([psutil.Process(process.pid), *wardens])
    process.communicate()
    recovered = chaos("recover")

    assert recovered.exit_code == 0, recovered.output
    assert "NOT reverted" not in recovered.output
    assert wait_clean(chaos, SECONDS) == []
    assert "nothing is in force" in chaos("recover").output


def test_all_four_are_in_force_at_once(chaos: ChaosCommand) -> None:
    """Or killing in the middle would prove nothing."""
    process = chaos.start("run", chaos.write(four_kinds))
    directory = chaos.await_phase(process, "fault")
    try:
        deadline = time.monotonic() + 30
        history = ""
        while history.count('"event":"injected"') < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
            history = (directory / "history.jsonl").read_text()
        assert history.count('"event":"injected"') == 4, history[-2000:]
        assert stopped(chaos)
        assert any("cpu_helper" in command for command in commands(chaos).values())
        assert filters(chaos) or not FILTERS
    finally:
        process.send_signal(signal.SIGTERM)
        ended = chaos.end(process)
    assert ended.exit_code != 0
    assert wait_clean(chaos, SECONDS) == []
