"""What the manager knows: models, and what they are meant to be. Plain state, changed only by the manager."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from chaos.embedded.routes import ModelRoute
from chaos.embedded.workers import Worker

__all__ = ["MODEL_VERSION", "QUEUE_LIMIT", "RESPONSE_SECONDS", "Model", "ModelSettings", "Refusal"]

MODEL_VERSION = "1.0"
QUEUE_LIMIT = 100
"""How many requests may wait for one model: TorchServe's job_queue_size."""

RESPONSE_SECONDS = 120


class Refusal(Exception):  # noqa: N818
    """A control-plane operation was refused, in TorchServe's words: status, exception name, message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        self.status, self.kind = status, kind
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What does not change about a model. ``url`` is how the package was named when it was registered."""

    name: str
    package: Path
    url: str
    response_timeout: int = RESPONSE_SECONDS
    queue_limit: int = QUEUE_LIMIT


@dataclass(slots=True, eq=False)
class Model:
    """One model. Its ``lock`` is held by the one operation that changes it.

    It is ``registered`` once the registration is done. ``extra`` workers beside those that are meant, and a
    ``pretended`` number of them, are the work of defects.
    """

    settings: ModelSettings
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    workers: list[Worker] = field(default_factory=list)
    retiring: list[Worker] = field(default_factory=list)
    min_workers: int = 0
    max_workers: int = 0
    desired: int = 0
    extra: int = 0
    pretended: int | None = None
    registered: bool = False
    leaving: bool = False
    closed: bool = False

    @property
    def name(self) -> str:
        """The model's name."""
        return self.settings.name

    @property
    def ready_workers(self) -> int:
        """How many workers can serve."""
        return sum(worker.ready for worker in self.workers)

    def route(self) -> ModelRoute:
        """As the proxy is told of it."""
        settings = self.settings
        return ModelRoute(
            name=settings.name,
            version=MODEL_VERSION,
            package=str(settings.package),
            workers=self.desired,
            limit=settings.queue_limit,
            timeout=float(settings.response_timeout),
            closed=self.closed,
        )
