"""The host of a handler's process (:mod:`chaos.handlers.host`) as the harness has it: started, told what to do, ended.

Everything of it is named by one token: its cgroups, and the mark in the environment of all its processes, by which
they are found if the host itself was killed.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chaos.descendants import descendants
from chaos.errors import ChaosError
from chaos.handlers.environment import environment_for
from chaos.handlers.frames import MESSAGE_BYTES, TOKEN_BYTES
from chaos.handlers.limits import Limits
from chaos.handlers.residue import Residue, clear_orphans
from chaos.marks import HANDLER, end_bearers

__all__ = ["HostLostError", "HostProcess"]

START_SECONDS = 60.0
COMMAND_SECONDS = 30.0
"""How long the host may take to do as it is told: it kills, and waits for what it killed."""
CLOSE_SECONDS = 15.0


class HostLostError(Exception):
    """The host does not answer any more; it and all of its were ended."""


class HostProcess:
    """One host.

    :param directory: the package
    :param environment: variables for the handler beside those that it needs
    :param confined: whether it may have cgroups
    :ivar frames: the token of the frames between us and the worker
    :ivar trace: the file in which the worker tells where it was when it was ended
    :ivar printed: the descriptor of the pipe for all that is printed; whoever reads it closes it
    :raises ChaosError: if it does not start
    """

    def __init__(
        self, directory: Path, limits: Limits, model_name: str, environment: Mapping[str, str], confined: bool
    ) -> None:
        if sys.platform != "linux":
            raise ChaosError("handlers are isolated on Linux only (run this in a container)")
        clear_orphans()
        self._residue = Residue.of(secrets.token_hex(8), confined)
        self._residue.make()
        self._cleared = False
        self.frames = secrets.token_bytes(TOKEN_BYTES)
        self.trace = self._residue.trace
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.printed, writing = os.pipe()
        home = str(self._residue.home)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-B", "-P", "-u", "-m", "chaos.handlers.host", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                pass_fds=(theirs.fileno(),),
                env=environment_for(self._residue.token, home, environment),
                cwd=home,
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(writing)
        settings = {
            "directory": str(directory),
            "model_name": model_name,
            "limits": asdict(limits),
            "groups": {name: str(path) for name, path in self._residue.groups.items()},
            "residue": str(self._residue.directory),
            "token": self.frames.hex(),
            "trace": str(self.trace),
        }
        try:
            self._ask(settings, START_SECONDS)
        except HostLostError:
            said = _read_all(self.printed)
            os.close(self.printed)
            self.close()
            raise ChaosError(f"the process that is to run the handler does not start: {said}") from None

    @property
    def descendants(self) -> int:
        """How many processes the handler has, zombies included."""
        return len(descendants(self._process.pid))

    def start(self) -> tuple[socket.socket, int]:
        """Start a worker: our end of its connection, and its pid.

        :raises HostLostError: if the host is gone, or cannot
        """
        ours, theirs = socket.socketpair()
        try:
            told = self._ask({"do": "start"}, COMMAND_SECONDS, theirs.fileno())
        except HostLostError:
            ours.close()
            raise
        finally:
            theirs.close()
        if "pid" not in told:
            ours.close()
            raise HostLostError(told.get("error", ""))
        return ours, int(told["pid"])

    def end(self, *, grace: float = 0.0, trace: bool = False, linger: float = 0.0) -> dict[str, Any]:
        """End the worker and all that it started; see :mod:`chaos.handlers.host`.

        :raises HostLostError: if the host is gone
        """
        return self._ask({"do": "end", "grace": grace, "trace": trace, "linger": linger}, COMMAND_SECONDS)

    def close(self) -> None:
        """End it all, and remove what it had. Idempotent."""
        if self._cleared:
            return
        self._cleared = True
        self._control.close()
        try:
            orderly = self._process.wait(CLOSE_SECONDS) == 0
        except subprocess.TimeoutExpired:
            orderly = False
            self._process.kill()
            self._process.wait()
        if not orderly:
            end_bearers(HANDLER, self._residue.token, grace=0.0)
        self._residue.clear()

    def _ask(self, message: dict[str, Any], seconds: float, *descriptors: int) -> dict[str, Any]:
        try:
            self._control.settimeout(seconds)
            socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)
            data = self._control.recv(MESSAGE_BYTES)
            told = json.loads(data) if data else None
        except (OSError, ValueError):
            told = None
        if not isinstance(told, dict):
            self._process.kill()
            raise HostLostError("the host is gone")
        return told


def _read_all(descriptor: int) -> str:
    """What a process that has ended, or ends now, has printed: its last line."""
    end = time.monotonic() + 1.0
    os.set_blocking(descriptor, False)
    data = b""
    while time.monotonic() < end:
        try:
            piece = os.read(descriptor, MESSAGE_BYTES)
        except BlockingIOError:
            time.sleep(0.01)
            continue
        if not piece:
            break
        data += piece
    return data.decode(errors="replace").strip().rpartition("\n")[2]
