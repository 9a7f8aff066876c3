"""What the manager knows: models, and what they are meant to be. Plain state, changed only by the manager."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from chaos.embedded.routes import ModelRoute
from chaos.embedded.workers import Worker

__all__ = [
    "BATCH_DELAY",
    "BATCH_LIMIT",
    "MODEL_VERSION",
    "QUEUE_LIMIT",
    "RESPONSE_SECONDS",
    "Model",
    "ModelSettings",
    "Refusal",
    "Standing",
]

MODEL_VERSION = "1.0"
QUEUE_LIMIT = 100
"""How many requests may wait for one model: TorchServe's job_queue_size."""

RESPONSE_SECONDS = 120
BATCH_LIMIT = QUEUE_LIMIT
"""The largest batch size: more requests than may wait could not come together."""

BATCH_DELAY = 100
"""How long a batch waits to be full, in milliseconds, unless a registration says: TorchServe's maxBatchDelay."""

DELAY_LIMIT = 60_000
"""The longest batch delay, in milliseconds."""


class Refusal(Exception):  # noqa: N818
    """A control-plane operation was refused, in TorchServe's words: status, exception name, message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        self.status, self.kind = status, kind
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What does not change about a model. ``url`` is how the package was named when it was registered.

    A worker is given ``batch_size`` requests at once, if so many come within ``max_batch_delay`` milliseconds.

    :raises Refusal: 400 for a batch size or a delay that this node does not bear
    """

    name: str
    package: Path
    url: str
    response_timeout: int = RESPONSE_SECONDS
    queue_limit: int = QUEUE_LIMIT
    batch_size: int = 1
    max_batch_delay: int = BATCH_DELAY

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= BATCH_LIMIT:
            text = f"batch_size {self.batch_size}: this node makes batches of 1 to {BATCH_LIMIT} requests."
            raise Refusal(400, "BadRequestException", text)
        if not 0 <= self.max_batch_delay <= DELAY_LIMIT:
            text = f"max_batch_delay {self.max_batch_delay}: must be 0 to {DELAY_LIMIT} milliseconds."
            raise Refusal(400, "BadRequestException", text)


@dataclass(slots=True, eq=False)
class Model:
    """One model. Its ``lock`` is held by the one operation that changes it.

    It is ``registered`` once the registration is done. ``extra`` workers beside those that are meant, a ``pretended``
    number of them, those put ``aside`` or that a scaling ``failed`` to reach, and a registration that was ``unheard``
    are the work of defects.
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
    aside: int = 0
    failed: int | None = None
    unheard: bool = False
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

    @property
    def error(self) -> str:
        """Why one of its workers cannot start; empty if none failed to."""
        return next((str(worker.error) for worker in self.workers if worker.error is not None), "")

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
            batch=settings.batch_size,
            delay=settings.max_batch_delay / 1000,
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What a model was before it was changed, to come back to."""

    minimum: int
    maximum: int
    desired: int
    workers: tuple[Worker, ...]

    @classmethod
    def of(cls, model: Model) -> Standing:
        """As it is now."""
        return cls(model.min_workers, model.max_workers, model.desired, tuple(model.workers))
