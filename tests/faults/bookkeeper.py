"""A stand-in for the harness, in a process of its own: it holds leases on files until somebody ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Bookkeeper", "until"]

FILES = """
from pathlib import Path
from chaos.faults.base import RevertError

class File:
    @staticmethod
    async def revert(undo):
        if Path(undo["path"]).with_suffix(".stuck").exists():
            raise RevertError("the file is stuck (remove it by hand)")
        Path(undo["path"]).unlink(missing_ok=True)
        return "removed it"
"""

HOLD = """
import sys
from pathlib import Path
import anyio
from chaos.session.books import Books

async def main(seconds):
    async with Books("r1", "embedded", Path("run"), lambda text: print("problem", text, flush=True)) as books:
        for name in ("a", "b"):
            undo = {"path": str(Path(name).absolute())}
            books.intend(f"r1.{name}", name, "files:File", [f"file {name}"], undo, seconds)
            Path(name).touch()
            books.in_force(f"r1.{name}")
        print("holding", books.warden, flush=True)
        await books.watch()

anyio.run(main, float(sys.argv[1]))
"""


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Wait for it; whether it came."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


@dataclass
class Bookkeeper:
    """Holds the files ``a`` and ``b`` in a directory, by leases that end after ``seconds``."""

    directory: Path
    seconds: float = 600.0
    warden: int = 0
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        (self.directory / "files.py").write_text(FILES)
        (self.directory / "run").mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(self.seconds)],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.warden = int(self.heard("holding").split()[1])

    @property
    def environment(self) -> dict[str, str]:
        """As its processes have it, and as whoever recovers needs it."""
        own = {"CHAOS_LEDGER": str(self.directory / "ledgers"), "PYTHONPATH": str(self.directory)}
        return {**os.environ, **own}

    def heard(self, beginning: str) -> str:
        """The next line of its output that begins so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(beginning):
                return line
        raise AssertionError(f"it ended without saying '{beginning}'")

    def held(self) -> list[str]:
        """The files that are there."""
        return [name for name in ("a", "b") if (self.directory / name).exists()]

    def ledgers(self) -> list[str]:
        """The ledgers that are there."""
        return sorted(path.name for path in (self.directory / "ledgers").glob("*"))

    def kept(self) -> str:
        """The ledger in the run directory, empty if there is none."""
        path = self.directory / "run" / "ledger.jsonl"
        return path.read_text() if path.exists() else ""

    def recover(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run ``chaos recover``."""
        chaos = str(Path(sys.executable).parent / "chaos")
        command = [chaos, "--no-version-check", "--no-log-file", "recover", *options]
        return subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=60
        )

    def end(self) -> None:
        """End all of it, however it stands."""
        for pid in (self.warden, self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.communicate()
