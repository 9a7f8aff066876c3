"""A target of processes that only sleep, to be killed and stopped."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import psutil

from chaos.targets.records import Part, Role
from chaos.targets.testing import FakeTarget

DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"


class Platform(FakeTarget):
    """A target of sleeping processes. With ``replaces`` it puts a new one in the place of each that died."""

    def __init__(self, replaces: bool = False) -> None:
        super().__init__()
        self.replaces = replaces
        self.children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, role: Role = "replica", model: str = "m", code: str = "") -> Part:
        words = [sys.executable, "-c", code] if code else ["sleep", "600"]
        child = subprocess.Popen(words, stdout=subprocess.PIPE)
        if code:
            assert child.stdout is not None
            child.stdout.readline()
        self.children[child.pid] = child
        part = Part(
            role, child.pid, psutil.Process(child.pid).create_time(), model if role == "replica" else ""
        )
        self.members.append(part)
        return part

    async def parts(self) -> list[Part]:
        for part in list(self.members):
            if part.pid in self.children and self.children[part.pid].poll() is not None:
                self.members.remove(part)
                if self.replaces:
                    self.start(part.role, part.model)
        return await super().parts()

    def states(self) -> str:
        """One letter for each that was started: R or S runs, T is stopped, X has ended."""
        letters = []
        for child in self.children.values():
            status = "X" if child.poll() is not None else psutil.Process(child.pid).status()
            letters.append({"stopped": "T", "X": "X"}.get(status, "S"))
        return "".join(letters)

    def end(self) -> None:
        for child in self.children.values():
            with suppress(ProcessLookupError):
                child.kill()
            child.communicate()
