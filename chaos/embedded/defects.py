"""Wrong behaviours seeded in the platform, off by default, to prove that a check can fail (D7)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from chaos.errors import ChaosError

__all__ = ["Defect", "parse_defects"]


class Defect(StrEnum):
    """A defect by its name on the command line."""

    SHARED_WORKER_POOL = "shared_worker_pool"
    """All models share one pool of replicas: any free replica takes the next request of any model."""

    SHARED_QUEUE = "shared_queue"
    """The proxy has one bounded queue for all models; its head waits for a replica of its own model."""


def parse_defects(names: Iterable[str]) -> frozenset[Defect]:
    """The defects of these names.

    :raises ChaosError: if one is unknown; the message lists those there are
    """
    known = {defect.value: defect for defect in Defect}
    wanted = list(names)
    for name in wanted:
        if name not in known:
            raise ChaosError(f"unknown defect '{name}' (there are: {', '.join(sorted(known))})")
    return frozenset(known[name] for name in wanted)
