"""Starts and asks the tiny control plane of :mod:`tests.faults.control_server`."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.traffic.spec import HttpRequest

__all__ = ["ControlPlane", "control_plane"]


@dataclass
class ControlPlane:
    """A running one."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def target(self) -> str:
        """Its target URL."""
        return f"torchserve+http://127.0.0.1:{self.port}?management={self.port}&store=plain"

    def say(self, what: str, method: str = "PUT", body: bytes = b"") -> HttpRequest:
        """A request that is answered in that way."""
        return HttpRequest(f"http://127.0.0.1:{self.port}/say/{what}", method=method, body=body)

    def requests(self) -> list[dict[str, Any]]:
        """All there were, in the order in which they were whole."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/requests", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found


@contextmanager
def control_plane(mode: str = "") -> Iterator[ControlPlane]:
    """One in a process of its own, for as long as the block lasts."""
    script = str(Path(__file__).with_name("control_server.py"))
    process = subprocess.Popen([sys.executable, script, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield ControlPlane(json.loads(process.stdout.readline())["port"], process)
    finally:
        try:
            process.communicate(timeout=10)  # closes its input, at whose end it ends
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
