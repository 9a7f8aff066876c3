"""The fork server: a warmed, single-threaded process that makes replicas by forking, in milliseconds.

It reads commands on stdin and writes events on stdout, one JSON object a line:

- ``{"do": "spawn", "tree", …}``, the rest a :class:`ReplicaSpec` → ``spawned`` with ``pid`` and ``port``; then from
  the replica itself ``ready``, or ``failed`` with ``error``. It gets a cgroup below ``tree``, if that is not empty
- ``{"do": "kill", "pid"}`` kills one of its children, and nothing else
- ``exited`` with ``id``, ``pid``, ``signal`` (0 if it exited by itself), ``code`` and ``oom`` (``kernel`` or ``limit``
  if it was ended for want of memory, else empty) when a child is gone, with its cgroup and all that was in it

At end of file on stdin it ends, and its replicas with it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy  # noqa: F401  # warmed before the first fork

from chaos import cgroups
from chaos.embedded.replica import OUT_OF_MEMORY, ReplicaSpec, run_replica, write_line
from chaos.lifeline import die_with_parent, watch_pipe

__all__ = ["main"]

REMOVE_SECONDS = 0.5
"""How long what a handler started may take to die with its replica: no other replica is made meanwhile."""


class ForkServer:
    """The loop, its children, and the pipes.

    :param keeps: what it keeps of children that are gone, with the defects ``port_kept`` (``ports``) and
        ``partition_kept`` (``cgroups``)
    """

    def __init__(self, commands: int, events: int, keeps: Set[str] = frozenset()) -> None:
        self._keeps = keeps
        self._kept: list[socket.socket] = []
        self._commands = commands
        self._events = events
        self._children: dict[int, ReplicaSpec] = {}
        self._lifeline_read, self._lifeline_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._partial = b""

    def run(self) -> None:
        """Serve until end of file."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(self._commands, selectors.EVENT_READ)
        selector.register(self._wake_read, selectors.EVENT_READ)
        gc.freeze()  # what is here stays: no collection in a child copies its pages
        while True:
            for key, _ in selector.select():
                if key.fd == self._wake_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake_read, 4096)
                    self._reap()
                elif not self._read():
                    return

    def _read(self) -> bool:
        data = os.read(self._commands, 65536)
        if not data:
            return False
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command.pop("do") == "spawn":
                self._spawn(_with_cgroup(command.pop("tree"), ReplicaSpec(**command)))
            elif command["pid"] in self._children:
                os.kill(command["pid"], signal.SIGKILL)
        return True

    def _spawn(self, spec: ReplicaSpec) -> None:
        parent = os.getpid()
        try:
            listener = socket.create_server(("127.0.0.1", 0), backlog=4)
            pid = os.fork()
        except OSError as error:
            write_line(self._events, {"event": "failed", "id": spec.id, "error": f"no new process: {error}"})
            _remove(spec)
            return
        if pid == 0:
            self._child(spec, listener, parent)
        port = listener.getsockname()[1]
        if "ports" in self._keeps:
            self._kept.append(listener)
        else:
            listener.close()
        self._children[pid] = spec
        write_line(self._events, {"event": "spawned", "id": spec.id, "pid": pid, "port": port})

    def _child(self, spec: ReplicaSpec, listener: socket.socket, parent: int) -> None:
        """Never returns: a child must not run on in the parent's loop."""
        code = 1
        try:
            die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (self._lifeline_write, self._wake_read, self._wake_write, self._commands):
                os.close(descriptor)
            watch_pipe(self._lifeline_read)
            events = self._events

            def report(message: dict[str, Any]) -> None:
                write_line(events, message)
                os.close(events)  # no handler may write to it

            run_replica(spec, listener, report)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            spec = self._children.pop(pid)
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            code = 0 if number else os.WEXITSTATUS(status)
            oom = ""
            if number == signal.SIGKILL and spec.cgroup and cgroups.oom_kills(Path(spec.cgroup)):
                oom = "kernel"
            elif code == OUT_OF_MEMORY:
                oom = "limit"
            event = {"event": "exited", "id": spec.id, "pid": pid, "signal": number, "code": code, "oom": oom}
            write_line(self._events, event)
            if "cgroups" not in self._keeps:
                _remove(spec)


def _with_cgroup(tree: str, spec: ReplicaSpec) -> ReplicaSpec:
    """The same with a fresh cgroup of its own, where there is a tree and the kernel makes one."""
    if not tree:
        return spec
    try:
        return replace(spec, cgroup=str(cgroups.make_replica(Path(tree), spec.id, spec.memory)))
    except OSError as error:
        sys.stderr.write(f"no cgroup: {error} (memory is limited by RLIMIT_DATA)\n")
        return spec


def _remove(spec: ReplicaSpec) -> None:
    if spec.cgroup:
        try:
            cgroups.remove_tree(spec.cgroup, REMOVE_SECONDS)
        except OSError as error:
            sys.stderr.write(f"a cgroup is left for the platform's end: {error}\n")


def main() -> None:
    """Run as ``python -m chaos.embedded.forkserver PARENT_PID [WHAT IT KEEPS, BY DEFECTS]…`` by the manager."""
    die_with_parent(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    commands, events = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)  # what a handler prints goes to the log
    ForkServer(commands, events, frozenset(sys.argv[2:])).run()


if __name__ == "__main__":
    main()
