"""The embedded platform's processes: started for the run, ended with it, and with all that they leave.

What has to be undone is told before anything is started, so that it can be even if harness and platform are killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import anyio
import anyio.to_thread
import psutil
from anyio.abc import Process

from chaos.embedded.residue import TOKEN, Residue
from chaos.errors import TargetError
from chaos.marks import PLATFORM, end_bearers
from chaos.readiness import first_line
from chaos.targets.context import TargetContext
from chaos.targets.processes import alive, children, part, session_members, tree
from chaos.targets.records import Part, Role

__all__ = ["LOG", "Platform"]

COMMAND = ("-m", "chaos.embedded")
ROLES: dict[str, Role] = {"chaos.embedded.server": "manager", "chaos.embedded.appproxy": "proxy"}
FORK_SERVER = "chaos.embedded.forkserver"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
LAST_SECONDS = 2.0
"""How long its processes may outlive the platform's supervisor: they end when they notice."""
KILL_SECONDS = 5.0
GRACE_SECONDS = 1.5
"""How long a platform that lost its harness may take to end by itself."""
LOG = "platform.log"


class Platform:
    """One platform, started once.

    :param url: what the user named it by, for errors
    :param arguments: its command line
    :param cgroup: whether it may make memory cgroups
    """

    def __init__(
        self, url: str, arguments: Sequence[str], context: TargetContext, cgroup: bool = True
    ) -> None:
        self._url = url
        self._arguments = arguments
        self._context = context
        self._residue = Residue.of(os.urandom(8).hex(), cgroup)
        self._process: Process | None = None
        self._settle: Callable[[], None] | None = None

    @property
    def pid(self) -> int | None:
        """The supervisor, from which all its processes descend; None if it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> dict[str, Any]:
        """Start it; what it says when it is ready.

        :raises TargetError: if it does not start, in its own words
        """
        touches = ["the embedded platform"]
        self._settle = self._context.owe("chaos.targets.platform:Platform", touches, asdict(self._residue))
        # a session of its own: Ctrl-C is the harness's to handle
        process = self._process = await anyio.open_process(
            [sys.executable, *COMMAND, *self._arguments],
            env={**os.environ, PLATFORM: self._residue.token},
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        line = b""
        with anyio.move_on_after(START_SECONDS) as waited:
            line = await first_line(process)
        if waited.cancelled_caught:
            raise TargetError(
                f"target {self._url}: it was not ready after {START_SECONDS:g} s{self._see_log()}"
            )
        return self._understand(line)

    async def stop(self) -> None:
        """End of file tells it to stop in order; what is left after the deadline is killed, pid by pid. Idempotent.

        :raises TargetError: if something had to be killed, or is left
        """
        process, self._process = self._process, None
        with anyio.CancelScope(shield=True):
            killed = await _end(process) if process is not None else []
            try:
                await anyio.to_thread.run_sync(self._residue.clear)
            except OSError as error:
                raise TargetError(f"target {self._url}: what it made is left: {error}") from None
            if self._settle is not None:
                self._settle()
                self._settle = None
        if killed:
            raise TargetError(
                f"target {self._url}: it did not stop within {STOP_SECONDS:g} s and was killed, pids {killed}"
                f"{self._see_log()}"
            )

    def parts(self, workers: Mapping[int, tuple[str, str]]) -> list[Part]:
        """Its processes that run now.

        :param workers: what it says of its replicas: pid → model and worker
        """
        found: list[Part] = []
        for process in tree(self.pid) if self.pid is not None else ():
            with suppress(psutil.Error):
                command = process.cmdline()
                role = next((ROLES[word] for word in command if word in ROLES), None)
                if role is not None:
                    found.append(part(role, process))
                elif FORK_SERVER in command:
                    for child in filter(alive, children(process)):
                        model, worker = workers.get(child.pid, ("", ""))
                        found.append(part("replica", child, model, worker and f"worker {worker}"))
        return found

    @staticmethod
    async def revert(undo: Mapping[str, Any]) -> str:
        """End the platform of this token and clear what it left, whoever started it; say in words what was done.

        One that runs is given a moment to end by itself, as it does when its harness is gone. Idempotent.

        :raises TargetError: if something is left
        """
        return await anyio.to_thread.run_sync(_revert, undo)

    def _understand(self, line: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(line)
            if "error" in answer:
                raise TargetError(f"target {self._url}: {answer['error']}")
            return dict(answer)
        except (ValueError, TypeError):
            said = line.decode("utf-8", "replace").strip()[:200]
            raise TargetError(
                f"target {self._url}: it ended without a word{self._see_log()}"
                if not said
                else f"target {self._url}: it did not start, and said '{said}'{self._see_log()}"
            ) from None

    def _see_log(self) -> str:
        directory = self._context.directory
        return (
            f" (see {directory / LOG})"
            if directory is not None
            else " (run it by hand: python -m chaos.embedded)"
        )


async def _end(process: Process) -> list[int]:
    """Have it stop, and kill what does not: the pids of that."""
    if process.stdin is not None:
        await process.stdin.aclose()
    with anyio.move_on_after(STOP_SECONDS):
        await process.wait()
    killed = await anyio.to_thread.run_sync(_kill_session, process.pid)
    await process.aclose()
    return killed


def _kill_session(session: int) -> list[int]:
    """Kill what is left of the platform's session, and say what that was; the dead that nobody waited for are not."""
    killed: set[int] = set()
    start = time.monotonic()
    while left := [process for process in session_members(session) if alive(process)]:
        passed = time.monotonic() - start
        if passed > LAST_SECONDS + KILL_SECONDS:
            break
        for process in left if passed > LAST_SECONDS else ():
            killed.add(process.pid)
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=0.05)
    return sorted(killed)


def _revert(undo: Mapping[str, Any]) -> str:
    residue = Residue(str(undo["token"]), str(undo["cgroup"]), str(undo["state"]))
    if not TOKEN.fullmatch(residue.token):
        raise TargetError(f"'{residue.token}' is no token of an embedded platform")
    killed, left = end_bearers(PLATFORM, residue.token, GRACE_SECONDS)
    if left:
        raise TargetError(f"processes of the embedded platform do not end: {left} (end them by hand)")
    done = [f"ended {len(killed)} processes"] if killed else []
    try:
        done += residue.clear()
    except (OSError, ValueError) as error:
        raise TargetError(f"what the embedded platform made is left: {error} (remove it by hand)") from None
    return "the embedded platform: " + (", ".join(done) or "nothing was left")
