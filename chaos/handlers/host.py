"""``python -m chaos.handlers.host DESCRIPTOR``: keeps the process that a handler runs in, and ends all that it starts.

It is warm, and makes that process by forking, so that a new one in place of one that crashed costs milliseconds. What
the handler starts stays below it: it is the subreaper (prctl(2)), so that a process whose parent is gone becomes its
own child, whatever session it is in. On the descriptor, a socket that keeps messages apart, it gets settings, then
commands, each a JSON object, and answers each:

- settings → ``ready``
- ``{"do": "start"}``, with the worker's end of its connection → ``pid``, or ``error``
- ``{"do": "end", "grace", "trace", "linger"}``: wait ``grace`` seconds for the worker to end by itself, then kill it
  (if ``trace``, after it has told where it is), wait ``linger`` seconds for what it started, then kill that
  → ``signal``, ``code``, ``killed``, ``oom``, ``left``

At the end of the socket it ends, with all of them, and removes the cgroups and the handler's home.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from chaos import cgroups
from chaos.handlers.frames import MESSAGE_BYTES, TOKEN_BYTES
from chaos.handlers.limits import Limits, limit_memory, limit_resources
from chaos.handlers.questions import Questions
from chaos.handlers.reaping import adopt_orphans, end_descendants
from chaos.handlers.residue import Residue
from chaos.handlers.worker import Worker
from chaos.lifeline import die_with_parent

__all__ = ["main"]

THREADS = 1024
"""Tasks that the kernel allows beside the processes: libraries start a thread or two for each core."""
ROOM = 1 << 30
TRACE_SECONDS = 1.0
END_SECONDS = 10.0
POLL_SECONDS = 0.002


class Host:
    """The loop, the worker, and what descends from it.

    :param settings: ``directory``, ``model_name``, ``limits``, ``groups`` (cgroups to make, by controller), ``residue``
        (a directory to remove at the end), ``trace`` (a file), ``token`` (of the frames)
    """

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self._control = control
        self._settings = settings
        self._limits = Limits(**settings["limits"])
        self._groups = {name: Path(path) for name, path in settings["groups"].items()}
        self._residue = Residue("", Path(settings["residue"]), dict(self._groups))
        self._worker = -1
        self._status: int | None = None
        self._ooms = 0
        self._wake_read, self._wake_write = os.pipe()
        for descriptor in (self._wake_read, self._wake_write):
            os.set_blocking(descriptor, False)

    def run(self) -> None:
        """Serve until the socket ends."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._make_groups()
        gc.freeze()  # what is here stays: no collection in a worker copies its pages
        self._tell({"ready": sorted(self._groups)})
        waiting = select.poll()
        for descriptor in (self._control.fileno(), self._wake_read):
            waiting.register(descriptor, select.POLLIN)
        try:
            while True:
                for descriptor, _ in waiting.poll():
                    if descriptor == self._wake_read:
                        self._woken()
                    elif not self._command():
                        return
        finally:
            self._end(0.0, trace=False, linger=0.0)
            self._residue.clear()

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        self._reap()

    def _command(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 1)
        if not data:
            return False
        command = json.loads(data)
        if command["do"] == "start":
            self._tell(self._start(descriptors[0]))
        else:
            self._tell(self._end(command["grace"], command["trace"], command["linger"]))
        return True

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody is there: the end of the socket is seen next
            self._control.send(json.dumps(message).encode())

    def _make_groups(self) -> None:
        """The cgroups, one for both controllers where it is one path; those that the kernel refuses are left out."""
        for path in dict.fromkeys(self._groups.values()):
            here = [name for name, each in self._groups.items() if each == path]
            try:
                cgroups.make_group(
                    path,
                    memory=self._limits.memory if "memory" in here else None,
                    tasks=self._limits.processes + THREADS if "pids" in here else None,
                )
            except OSError:
                self._groups = {name: each for name, each in self._groups.items() if each != path}

    def _start(self, connection: int) -> dict[str, Any]:
        self._status, self._ooms = None, self._oom_kills()
        host = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(connection)
            return {"error": f"no new process: {error}"}
        if pid == 0:
            self._be_worker(connection, host)
        os.close(connection)
        self._worker = pid
        return {"pid": pid}

    def _be_worker(self, connection: int, host: int) -> NoReturn:
        try:
            os.setsid()
            die_with_parent(host)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for descriptor in (self._wake_read, self._wake_write, self._control.detach()):
                os.close(descriptor)
            limit_resources()
            self._join_groups()
            trace = os.open(
                self._settings["trace"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600
            )
            Worker(
                Questions(
                    socket.socket(fileno=_moved_up(connection)), bytes.fromhex(self._settings["token"])
                ),
                Path(self._settings["directory"]),
                self._settings["model_name"],
                _moved_up(trace),
                cpu=self._limits.cpu,
                most=self._limits.answer,
            ).serve()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def _join_groups(self) -> None:
        """Enter the cgroups; what is not counted there, this process limits itself.

        What is counted is what is used. To ask for far more than that at once is refused, before all of the memory
        there is has been written to; so much more that stacks of threads, and what is mapped and not read, have room.
        """
        counted = set()
        for name, path in self._groups.items():
            with contextlib.suppress(OSError):
                cgroups.join(path)
                counted.add(name)
        memory = self._limits.memory
        limit_memory(2 * memory + ROOM if "memory" in counted else memory)

    def _oom_kills(self) -> int:
        return cgroups.oom_kills(self._groups["memory"]) if "memory" in self._groups else 0

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._worker:
                self._worker, self._status = -1, status

    def _end(self, grace: float, trace: bool, linger: float) -> dict[str, Any]:
        killed = False
        if not self._gone(grace):
            killed = True
            if trace:
                self._trace()
            if self._worker > 0:
                os.kill(self._worker, signal.SIGKILL)
            self._gone(END_SECONDS)
        left = end_descendants(linger, self._reap)
        status = self._status or 0
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return {
            "signal": number,
            "code": 0 if number else os.WEXITSTATUS(status),
            "killed": killed,
            "oom": number == signal.SIGKILL and self._oom_kills() > self._ooms,
            "left": left,
        }

    def _gone(self, seconds: float) -> bool:
        """Whether there is no worker any more, within so many seconds."""
        end = time.monotonic() + seconds
        while True:
            self._reap()
            if self._worker < 0 or time.monotonic() >= end:
                return self._worker < 0
            time.sleep(POLL_SECONDS)

    def _trace(self) -> None:
        """Have the worker tell where it is, if it still does what it is told."""
        os.kill(self._worker, signal.SIGUSR1)
        end = time.monotonic() + TRACE_SECONDS
        with contextlib.suppress(OSError):
            while time.monotonic() < end and not os.stat(self._settings["trace"]).st_size:
                time.sleep(POLL_SECONDS)


def _moved_up(descriptor: int) -> int:
    """The same at a number near the highest: away from those that a handler gets, and closes by mistake."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, most - 16)
    os.close(descriptor)
    return moved


def main() -> None:
    """Run as a program by :class:`~chaos.handlers.isolation.Isolated`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    adopt_orphans()
    settings = json.loads(control.recv(MESSAGE_BYTES))
    if len(bytes.fromhex(settings["token"])) != TOKEN_BYTES:
        raise ValueError("a token of another length")
    Host(control, settings).run()


if __name__ == "__main__":
    main()
