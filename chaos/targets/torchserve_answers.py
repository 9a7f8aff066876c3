"""What TorchServe's management API answers, read with the care that answers of a server deserve.

An answer of another shape than documented is one of which nothing is known, not a crash of the harness.
"""

from __future__ import annotations

from typing import Any

from chaos.targets.base import ModelState
from chaos.targets.context import UnansweredError
from chaos.targets.http import Answer

__all__ = ["mapping", "model_state"]


def mapping(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object; another JSON value is none of a TorchServe's and counts as empty.

    :raises UnansweredError: if it is not JSON
    """
    content = answer.json()
    return content if isinstance(content, dict) else {}


def model_state(answer: Answer) -> ModelState:
    """The state of a model from the answer to ``GET /models/NAME``; workers that are not READY do not count.

    :raises UnansweredError: if it is no such answer
    """
    content = answer.json()
    try:
        entry: dict[str, Any] = content[0]  # type: ignore[index]
        workers = [dict(worker) for worker in entry["workers"]]
        ready = sum(worker["status"] == "READY" for worker in workers)
        # -1 is the pid of a worker that was not yet started
        pids = tuple(sorted(pid for pid in (int(worker["pid"]) for worker in workers) if pid > 0))
        desired = int(entry["minWorkers"])
        return ModelState(str(entry["modelName"]), ready > 0 or desired == 0, ready, desired, pids, entry)
    except (KeyError, IndexError, TypeError, ValueError):
        raise UnansweredError(
            f"{answer.url} does not describe a model: '{answer.words}' (is this TorchServe's management address?)"
        ) from None
