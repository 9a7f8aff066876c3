"""SageMaker's container API on the wire: its paths and bodies, and its answers, read with the care that answers of a
server deserve.

An answer of another shape than documented is one of which nothing is known, not a crash of the harness.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from chaos.targets.context import UnansweredError
from chaos.targets.http import Answer
from chaos.targets.records import ModelState

__all__ = ["asked", "invoke_path", "loading", "model_path", "page_told", "state_told", "takes_workers"]

WORKERS = "initial_workers"
"""The field of a load that SageMaker does not know, and multi-model-server has for the number of workers."""


def model_path(model: str) -> str:
    """Where a model is described and unloaded."""
    return f"/models/{quote(model, safe='')}"


def invoke_path(model: str) -> str:
    """Where a model of several is invoked."""
    return f"{model_path(model)}/invoke"


def loading(model: str, url: str, workers: int | None) -> dict[str, Any]:
    """The body of a load; without a number of workers it is exactly what SageMaker sends."""
    body: dict[str, Any] = {"model_name": model, "url": url}
    return body if workers is None else {**body, WORKERS: workers}


def asked(operation: str, model: str) -> tuple[str, str] | None:
    """Method and path of an operation of the multi-model API; None where it has no such operation."""
    match operation:
        case "health":
            return "GET", "/ping"
        case "register":
            return "POST", "/models"
        case "unregister":
            return "DELETE", model_path(model)
        case "describe":
            return "GET", model_path(model)
        case "list":
            return "GET", "/models"
    return None


def takes_workers(answer: Answer) -> bool:
    """Whether a server that describes its API says that a load may ask for a number of workers."""
    if not answer.ok:
        return False
    try:
        parameters = answer.json()["paths"]["/models"]["post"]["parameters"]  # type: ignore[index]
        return any(parameter["name"] == WORKERS for parameter in parameters)
    except (UnansweredError, KeyError, IndexError, TypeError):
        return False


def page_told(answer: Answer) -> tuple[list[str], str]:
    """The names on a page of the list of models, and the token of the next page, empty after the last.

    :raises UnansweredError: if it is no such page
    """
    content = answer.json()
    try:
        names = [entry["modelName"] for entry in content["models"]]  # type: ignore[index]
        token = content.get("nextPageToken")  # type: ignore[attr-defined]
    except (AttributeError, KeyError, IndexError, TypeError):
        names, token = [None], None
    if not all(isinstance(name, str) and name for name in names):
        raise UnansweredError(
            f"{answer.url} is no list of models: '{answer.words}' (is this a container of several models?)"
        )
    # what has no more pages says null or nothing, and what says nothing useful has none either
    return names, str(token) if isinstance(token, str | int) and token is not False else ""


def state_told(answer: Answer, model: str) -> ModelState:
    """The state of a model that is loaded. SageMaker's API tells no workers, so it counts as one that is ready; where
    they are listed, as by multi-model-server, those that are not READY do not count.

    :raises UnansweredError: if it describes no model, or another one
    """
    content = answer.json()
    try:
        entry: Any = content[0] if isinstance(content, list) else content
        if entry["modelName"] != model:
            raise ValueError(entry["modelName"])
        detail = dict(entry)
        if "workers" not in detail:
            return ModelState(model, True, 1, 1, (), detail)
        workers = [dict(worker) for worker in detail["workers"]]
        ready = sum(worker["status"] == "READY" for worker in workers)
        # which multi-model-server does not tell, and -1 is the pid of a worker that was not yet started
        pids = tuple(sorted(pid for pid in (int(worker.get("pid", -1)) for worker in workers) if pid > 0))
        desired = int(detail["minWorkers"])
        if desired < 0:
            raise ValueError(desired)
        return ModelState(model, ready > 0 or desired == 0, ready, desired, pids, detail)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError):
        raise UnansweredError(
            f"{answer.url} does not describe model '{model}': '{answer.words}' "
            "(is this a container of several models?)"
        ) from None
