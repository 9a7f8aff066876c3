"""What targets tell of themselves: models, processes, links, errors, limits, counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ErrorRecord", "LinkState", "ModelState", "NodeLimits", "Part", "Role", "Told"]


@dataclass(frozen=True, slots=True)
class ModelState:
    """What a target says of one model. ``workers`` counts those that are ready; ``desired`` what was asked for."""

    name: str
    ready: bool
    workers: int
    desired: int
    pids: tuple[int, ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkState:
    """What a target says of one TCP link inside it: ``manager``, or ``replica-<model>-<number>``.

    ``since`` is when it last came to stand or broke (monotonic clock, seconds). ``proxy`` is the name that the fault
    proxy which it goes through has for it; empty if it goes through none.
    """

    name: str
    model: str
    up: bool
    since: float
    proxy: str = ""


Role = Literal["replica", "proxy", "manager"]


@dataclass(frozen=True, slots=True)
class Part:
    """One process of a target on this machine. ``model`` is empty for one that serves none, or none that is told.

    ``started`` is when the process began (seconds since the epoch, as psutil has it): with it the pid names the process
    for good, also if the pid is used again.
    """

    role: Role
    pid: int
    started: float
    model: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """What a target remembers of one replica's end, or its failure to begin.

    ``at`` is the wall clock (ISO 8601), ``monotonic`` this machine's monotonic clock in seconds. ``type`` is
    ``OOMKilled``, ``Killed``, ``Exited`` or ``LoadFailed``; ``by`` says what ended a replica that was out of memory:
    ``kernel``, or ``limit`` for the one that the platform sets.
    """

    at: str
    monotonic: float
    model: str
    worker: str
    pid: int
    type: str
    by: str
    detail: str


@dataclass(frozen=True, slots=True)
class NodeLimits:
    """What a target says that its node can bear: ``workers`` in all, and ``memory`` in bytes that they may take
    together, of which each is given ``worker_memory``; a worker is given at most ``batch`` requests at once."""

    workers: int
    memory: int
    worker_memory: int
    batch: int

    @property
    def bearable(self) -> int:
        """How many workers there may be in all, by whichever limit comes first."""
        return min(self.workers, self.memory // self.worker_memory)


@dataclass(frozen=True, slots=True)
class Told:
    """What a target has counted of one model's requests: how many were ``served``, and how many seconds they spent
    in all ``waiting`` for a worker and in ``service``. The counts only grow; what is between two readings tells."""

    served: int
    waiting: float
    service: float
