"""Wrong behaviours seeded in the platform, off by default, to prove that a check can fail (D7)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from chaos.errors import ChaosError

__all__ = ["Defect", "parse_defects"]


class Defect(StrEnum):
    """A defect by its name on the command line. ``cells`` are those of :mod:`chaos.properties.table` that must find it,
    such as ``inference:C``; none for one that another experiment is there for."""

    cells: tuple[str, ...]

    def __new__(cls, name: str, *cells: str) -> Defect:
        """A member with its cells."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.cells = cells
        return member

    SHARED_WORKER_POOL = "shared_worker_pool", "inference:C"
    """All models share one pool of replicas: any free replica takes the next request of any model."""

    SHARED_QUEUE = "shared_queue", "inference:C"
    """The proxy has one bounded queue for all models; its head waits for a replica of its own model."""

    PROXY_NEVER_RECONNECTS = "proxy_never_reconnects"
    """A link to a replica that broke is not made again."""

    PROXY_RETRIES = "proxy_retries"
    """A request whose link to its replica broke is sent again, to another one, though it may have been executed."""

    CROSSED_ANSWERS = "crossed_answers"
    """A replica answers on whatever link it has when it is done: after a reset, the next request's client gets it."""

    MANAGER_LINK_LOST_STOPS_SERVING = "manager_link_lost_stops_serving"
    """The proxy serves nothing while its link to the manager is down."""

    OOM_TAKES_ALL = "oom_takes_all"
    """When one replica is out of memory, all replicas of the platform are killed with it."""

    OOM_UNNAMED = "oom_unnamed"
    """The error history says that a replica exited, where it was killed for want of memory."""

    KILLED_NEVER_REPLACED = "killed_never_replaced"
    """A replica that was killed is not started again, though as many are meant to be as before."""

    SCALE_ADDS = "scale_adds", "scale:J"
    """Scaling adds the difference that there was when the request arrived: concurrent duplicates add up."""

    SCALE_UNSERIALISED = "scale_unserialised", "scale:J"
    """Scaling counts, waits and acts without a lock: each of several duplicates starts the missing workers."""

    LOST_ANSWER_DOUBLES = "lost_answer_doubles", "scale:J"
    """A scaling whose client was gone before the answer is run a second time, as capacity beside the first."""

    SCALE_DESCRIBES_ONLY = "scale_describes_only"
    """Scaling changes what is described, not what runs."""


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
