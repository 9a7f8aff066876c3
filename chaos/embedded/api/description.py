"""What the management API says of a model, in the shape of TorchServe's answer."""

from __future__ import annotations

from typing import Any

import psutil

from chaos.embedded.models import MODEL_VERSION, Model
from chaos.embedded.workers import Worker

__all__ = ["description"]


def description(model: Model, pending: int) -> dict[str, Any]:
    """One element of the answer to ``GET /models/NAME``; ``pending`` requests wait for the model."""
    settings = model.settings
    return {
        "modelName": model.name,
        "modelVersion": MODEL_VERSION,
        "modelUrl": settings.url,
        "runtime": "python",
        "minWorkers": model.min_workers,
        "maxWorkers": model.max_workers,
        "batchSize": settings.batch_size,
        "maxBatchDelay": settings.max_batch_delay,
        "responseTimeout": settings.response_timeout,
        "startupTimeout": 120,
        "maxRetryTimeoutInSec": 300,
        "clientTimeoutInMills": 0,
        "parallelType": "",
        "parallelLevel": 0,
        "deviceType": "cpu",
        "continuousBatching": False,
        "useJobTicket": False,
        "useVenv": False,
        "stateful": False,
        "sequenceMaxIdleMSec": 0,
        "sequenceTimeoutMSec": 0,
        "maxNumSequence": 0,
        "maxSequenceJobQueueSize": 0,
        "loadedAtStartup": False,
        "workers": _pretended(model, [_worker(worker) for worker in (*model.workers, *model.retiring)]),
        "jobQueueStatus": {
            "remainingCapacity": settings.queue_limit - pending,
            "pendingRequests": pending,
        },
    }


def _worker(worker: Worker) -> dict[str, Any]:
    return {
        "id": str(worker.id),
        "startTime": worker.started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "status": "READY" if worker.ready else "UNLOADING",
        "memoryUsage": _memory(worker.pid) if worker.ready else 0,
        "pid": worker.pid,
        "gpu": False,
        "gpuUsage": "N/A",
    }


def _pretended(model: Model, workers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many as the defect ``scale_describes_only`` pretends, if there is one to copy."""
    if model.pretended is None or not workers:
        return workers
    first = int(workers[-1]["id"])
    copies = [{**workers[-1], "id": str(first + number)} for number in range(1, model.pretended + 1)]
    return [*workers, *copies][: model.pretended]


def _memory(pid: int) -> int:
    """Resident bytes, 0 for a process that has just died."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
