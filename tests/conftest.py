"""The stock ``chaos`` as a subprocess, small experiments for it, and a look at what it left behind."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import settings

# no test is held against an absolute time: the machines are noisy
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

MARK = "CHAOS_TEST_MARK"
CHAOS = str(Path(sys.executable).parent / "chaos")

PROBE: dict[str, Any] = {
    "name": "victim",
    "model": "victim",
    "payload": {"sleep_ms": 2, "nonce": "{nonce}"},
    "schedule": {"arrival": "constant", "rate": 40},
    "timeout": 3.0,
    "objectives": [{"sli": "availability", "at_least": 0.9}, {"sli": "correctness", "at_least": 1.0}],
}

EXPERIMENT: dict[str, Any] = {
    "title": "A small experiment",
    "description": "For tests.",
    "controls": [
        {
            "name": "serving",
            "provider": {
                "type": "python",
                "module": "chaos.control",
                "arguments": {
                    "target": "embedded",
                    "seed": 1,
                    "models": [
                        {"name": "victim", "package": "sleep"},
                        {"name": "hostile", "hostile": "occupy"},
                    ],
                    "probes": ["victim.json"],
                    "seconds": {"warmup": 0.3, "baseline": 0.8, "recovery": 0.8},
                },
            },
        }
    ],
    "steady-state-hypothesis": {
        "title": "Objectives hold",
        "probes": [
            {
                "type": "probe",
                "name": "objectives hold",
                "tolerance": True,
                "provider": {"type": "python", "module": "chaos.probes", "func": "objectives_hold"},
            }
        ],
    },
    "method": [
        {
            "type": "action",
            "name": "strike",
            "provider": {
                "type": "python",
                "module": "chaos.actions",
                "func": "inject",
                "arguments": {
                    "fault": "handler_dos",
                    "model": "hostile",
                    "mode": "occupy",
                    "intensity": 2,
                    "seconds": 1.0,
                },
            },
        }
    ],
    "rollbacks": [
        {
            "type": "action",
            "name": "revert",
            "provider": {"type": "python", "module": "chaos.actions", "func": "revert_faults"},
        },
        {
            "type": "action",
            "name": "leave a mark",
            "provider": {"type": "process", "path": "touch", "arguments": "rolled-back"},
        },
    ],
    "runtime": {"rollbacks": {"strategy": "always"}, "hypothesis": {"strategy": "default"}},
}


@dataclass
class Ended:
    """How a command ended and what it left in its directory."""

    directory: Path
    exit_code: int
    output: str

    @property
    def run_directory(self) -> Path:
        """The only run directory there is."""
        found = list((self.directory / "reports").glob("*"))
        assert len(found) == 1, (found, self.output)
        return found[0]

    @property
    def summary(self) -> dict[str, Any]:
        """``summary.json`` of the run."""
        document: dict[str, Any] = json.loads((self.run_directory / "summary.json").read_text())
        return document

    @property
    def journal(self) -> dict[str, Any]:
        """Chaos Toolkit's journal, as kept in the run directory."""
        document: dict[str, Any] = json.loads((self.run_directory / "journal.json").read_text())
        return document

    @property
    def rolled_back(self) -> bool:
        """Whether the experiment's own rollbacks were played."""
        return (self.directory / "rolled-back").exists()


def _heed_signals() -> None:
    """Whoever runs the tests may ignore some (nohup, a job in the background), and that would be inherited."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


@dataclass
class ChaosCommand:
    """Runs ``chaos`` in a directory of its own; every process it starts inherits a mark by which it is found."""

    directory: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    program: tuple[str, ...] = (CHAOS, "--no-version-check", "--no-log-file")

    def write(
        self, change: Callable[[dict[str, Any]], None] | None = None, name: str = "experiment.json"
    ) -> str:
        """Write the small experiment, changed, and its probe file; return the experiment's name."""
        experiment = copy.deepcopy(EXPERIMENT)
        if change is not None:
            change(experiment)
        (self.directory / name).write_text(json.dumps(experiment))
        if not (self.directory / "victim.json").exists():
            self.write_probe()
        return name

    def write_probe(self, **change: Any) -> None:
        """Write the probe file, with some keys replaced."""
        (self.directory / "victim.json").write_text(json.dumps({**PROBE, **change}))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start ``chaos`` in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [*self.program, *arguments],
            cwd=self.directory,
            env={**os.environ, **self._own_environment()} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
            preexec_fn=_heed_signals,
        )

    def _own_environment(self) -> dict[str, str]:
        directory = str(self.directory)
        return {MARK: self.mark, "PYTHONPATH": directory, "CHAOS_LEDGER": f"{directory}/ledgers"}

    def end(self, process: subprocess.Popen[str], seconds: float = 90.0) -> Ended:
        """Wait for it; kill it if it does not end."""
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            raise AssertionError(f"chaos did not end within {seconds} s:\n{output}") from None
        return Ended(self.directory, process.returncode, output)

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        """Run ``chaos`` to its end."""
        return self.end(self.start(*arguments, **environment))

    def await_phase(self, process: subprocess.Popen[str], phase: str, seconds: float = 45.0) -> Path:
        """Wait until the history says that a phase began; return the run directory."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for history in (self.directory / "reports").glob("*/history.jsonl"):
                if f'"phase":"{phase}"' in history.read_text():
                    return history.parent
            if process.poll() is not None:
                break
            time.sleep(0.05)
        process.kill()
        raise AssertionError(f"phase {phase} was not reached:\n{process.communicate()[0]}")

    def leftovers(self, seconds: float = 10.0) -> list[str]:
        """Processes with our mark that are still there after a moment's grace."""
        deadline = time.monotonic() + seconds
        while (found := self.marked()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return [" ".join(process.cmdline()) for process in found if process.is_running()]

    def marked(self) -> list[psutil.Process]:
        """The processes with our mark that live, but for our own."""
        found = []
        for process in psutil.process_iter():
            try:
                alive = process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid()
                if alive and process.environ().get(MARK) == self.mark:
                    found.append(process)
            except psutil.Error:
                continue
        return found


LONG = ("test_pytest_plugin.py", "test_recovery.py", "test_kill_anytime.py", "test_signals.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests take long come first, so that no worker is alone with one at the end."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture
def chaos(tmp_path: Path) -> Iterator[ChaosCommand]:
    """``chaos`` in an empty directory; the test fails if a process of it is left at the end."""
    command = ChaosCommand(tmp_path)
    yield command
    left = command.leftovers()
    for process in command.marked():
        process.kill()
    assert left == []


USER_MODULE = """
import threading, time
from chaoslib.exceptions import InterruptExecution

def boom(): raise RuntimeError("the fault could not be injected")
def interrupt(): raise InterruptExecution("stop")
async def later(): return True
def awaitable(): return later()
def none(): return None
def die_in_background(): raise SystemExit("lost")
def wait(seconds: float = 30.0): time.sleep(seconds)
_calls = []
def flaky():
    _calls.append(1)
    return not 3 <= len(_calls) <= 5
"""


def activity(func: str, **more: Any) -> dict[str, Any]:
    """An activity of the user's own module."""
    provider = {"type": "python", "module": "mine", "func": func, "arguments": more.pop("arguments", {})}
    return {"type": more.pop("type", "action"), "name": func, "provider": provider, **more}


@pytest.fixture
def mine(chaos: ChaosCommand) -> ChaosCommand:
    """``chaos`` with a module of the user's on the path."""
    (chaos.directory / "mine.py").write_text(USER_MODULE)
    return chaos
