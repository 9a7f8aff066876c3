"""The route table: all that the proxy needs to know, always sent whole, so that any loss heals with the next one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ModelRoute", "ReplicaRoute", "RouteTable"]


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """One model as the proxy sees it.

    ``workers`` is how many it is meant to have, ``limit`` how many requests may wait, ``timeout`` the seconds a
    handler may take, ``batch`` how many requests it is given at once, at the most, and ``delay`` the seconds that a
    free worker waits for them. A ``closed`` model takes no new request, but those it has are finished.
    """

    name: str
    version: str
    package: str
    workers: int
    limit: int
    timeout: float
    closed: bool = False
    batch: int = 1
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class ReplicaRoute:
    """One replica process; ``id`` is never used again. A ``draining`` one gets no new request."""

    id: int
    model: str
    port: int
    draining: bool = False


@dataclass(frozen=True, slots=True)
class RouteTable:
    """The state of one ``generation``. ``deaths`` are the latest dead replicas, each with its signal or 0."""

    generation: int
    models: tuple[ModelRoute, ...] = ()
    replicas: tuple[ReplicaRoute, ...] = ()
    deaths: tuple[tuple[int, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> RouteTable:
        """Read back what :meth:`to_json` gave."""
        return cls(
            generation=document["generation"],
            models=tuple(ModelRoute(**entry) for entry in document["models"]),
            replicas=tuple(ReplicaRoute(**entry) for entry in document["replicas"]),
            deaths=tuple((replica, number) for replica, number in document["deaths"]),
        )
