"""A replica: one worker process that loads a handler package and serves one request, or one batch, at a time.

It listens on a TCP loopback port of its own; the proxy connects, says the secret token, and sends frames. A
new connection with the token takes the place of an older one, so a link that was cut heals from the proxy's side.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from chaos import cgroups
from chaos.embedded.answering import Answering
from chaos.embedded.executions import ExecutionLog
from chaos.embedded.link_end import LinkEnd
from chaos.errors import ChaosError
from chaos.handlers.limits import limit_memory, limit_resources

__all__ = ["BODY_LIMIT", "OUT_OF_MEMORY", "ReplicaSpec", "run_replica"]

BODY_LIMIT = 6_553_500
"""The largest request body in bytes: TorchServe's default."""

NICENESS = 5
"""How much lower than the proxy's a replica's priority is: who computes does not hold up who routes."""

ERROR_LENGTH = 600
"""Characters of an error that are told: at six bytes each, still one atomic write to a pipe."""

OUT_OF_MEMORY = 87
"""The exit code of a replica that met the limit which it set itself: its memory is given back, as by a kill."""


@dataclass(frozen=True, slots=True)
class ReplicaSpec:
    """What a replica is: its number, its package, the link's token, its memory limit in bytes over the base.

    The kernel keeps the limit where ``cgroup`` is the path of a memory cgroup; elsewhere the replica does itself.
    ``executions`` is the file in which to note what its handler is given (empty: nowhere), ``crossed`` the defect.
    """

    id: int
    model: str
    package: str
    token: str
    memory: int
    cgroup: str = ""
    executions: str = ""
    crossed: bool = False


def run_replica(spec: ReplicaSpec, listener: socket.socket, report: Callable[[dict[str, Any]], None]) -> None:
    """Load, tell the manager by ``report``, and serve until killed. Returns only if the package is broken."""
    os.nice(NICENESS)
    limit_resources()
    limited = not _join(spec.cgroup) and limit_memory(spec.memory)
    try:
        executions = ExecutionLog(Path(spec.executions), spec.model) if spec.executions else None
        answering = Answering(spec.model, executions)
        answering.handler(spec.package)
    except (ChaosError, MemoryError, OSError) as error:
        if limited and isinstance(error.__cause__ or error, MemoryError):
            sys.exit(OUT_OF_MEMORY)
        report({"event": "failed", "id": spec.id, "error": (str(error) or "out of memory")[:ERROR_LENGTH]})
        return
    report({"event": "ready", "id": spec.id, "pid": os.getpid(), "port": listener.getsockname()[1]})
    serve(spec, answering, listener, limited)


def _join(cgroup: str) -> bool:
    """Whether this process is in its cgroup now."""
    if not cgroup:
        return False
    try:
        cgroups.join(Path(cgroup))
    except OSError as error:
        sys.stderr.write(f"no cgroup: {error} (memory is limited by RLIMIT_DATA)\n")
        return False
    return True


def serve(spec: ReplicaSpec, answering: Answering, listener: socket.socket, limited: bool) -> NoReturn:
    """Answer requests one by one, or batch by batch, for ever. One that meets a limit of our own ends the replica, as
    the kernel's does.

    The platform then answers it. Were it answered here, the next would be on its way to a process that ends.
    """
    end = LinkEnd(listener, spec.id, spec.token, BODY_LIMIT, spec.crossed)
    while True:
        requests = end.requests()
        answers = answering.answers(requests)
        if limited and any(status == 507 for status, _, _ in answers):
            os._exit(OUT_OF_MEMORY)
        for status, answer, kind in answers:
            header = {"status": status, "type": kind}
            if isinstance(answer, bytes):
                end.answer(header, answer)
            elif isinstance(end.stream(header, answer), MemoryError) and limited:
                os._exit(OUT_OF_MEMORY)
        del requests, answers, answer  # what they take is given back before the next request, not after it


def write_line(descriptor: int, message: dict[str, Any]) -> None:
    """One JSON line in one write: below PIPE_BUF bytes it never mixes with another process's."""
    os.write(descriptor, json.dumps(message, ensure_ascii=False).encode(errors="replace") + b"\n")
