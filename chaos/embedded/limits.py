"""What this node can bear: how many workers in all, and how much memory their limits may come to."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from chaos.embedded.defects import Defect
from chaos.embedded.models import BATCH_LIMIT, Model, Refusal

__all__ = ["Admission", "NodeLimits"]

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class NodeLimits:
    """``workers`` in all; ``memory`` in bytes that their limits may come to, each of ``worker_memory`` bytes; a worker
    is given at most ``batch`` requests at once."""

    workers: int
    memory: int
    worker_memory: int
    batch: int = BATCH_LIMIT

    def excess(self, taken: int, more: int, memory_counts: bool = True) -> str:
        """Why so many workers more are too many beside those that are ``taken``; empty if they are not."""
        if more and taken + more > self.workers:
            return (
                f"This node runs at most {self.workers} workers; {taken} are taken, so {more} more cannot be "
                "started. Scale another model down first."
            )
        if more and memory_counts and (taken + more) * self.worker_memory > self.memory:
            each = self.worker_memory // MIB
            return (
                f"This node has {self.memory // MIB} MiB of memory; {taken} workers may take {each} MiB each, so "
                f"{more} more cannot be started. Scale another model down first, or start the platform with less "
                "--memory."
            )
        return ""


class Admission:
    """Lets workers in, or refuses them, by what all ``models`` are meant to have."""

    def __init__(self, limits: NodeLimits, models: Mapping[str, Model], defects: Set[Defect]) -> None:
        self.limits = limits
        self._models = models
        self._defects = defects

    def check(self, more: int) -> None:
        """See that so many workers more can be borne.

        :raises Refusal: 400 if not, with the limit that they exceed
        """
        if Defect.LIMIT_CHECKED_LATE not in self._defects:
            self._check(self._taken(), more)

    def check_started(self, more: int) -> None:
        """The defect ``limit_checked_late``: the same, when they are started already.

        :raises Refusal: 400 if they cannot be borne
        """
        if Defect.LIMIT_CHECKED_LATE in self._defects:
            self._check(self._taken() - more, more)

    def _taken(self) -> int:
        return sum(model.desired for model in self._models.values())

    def _check(self, taken: int, more: int) -> None:
        if Defect.LIMIT_NOT_ENFORCED in self._defects:
            return
        excess = self.limits.excess(taken, more, Defect.MEMORY_NOT_COUNTED not in self._defects)
        if not excess:
            return
        if Defect.EXCESS_EVICTS_OTHERS in self._defects:
            for model in self._models.values():
                for worker in model.workers[:1]:
                    worker.kill()
        if Defect.REFUSAL_UNEXPLAINED in self._defects:
            raise Refusal(500, "InternalServerException", "")
        raise Refusal(400, "BadRequestException", excess)
