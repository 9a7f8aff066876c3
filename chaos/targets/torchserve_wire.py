"""TorchServe's management API on the wire: its paths, and its answers, read with the care that answers of a server
deserve.

An answer of another shape than documented is one of which nothing is known, not a crash of the harness.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from prometheus_client.parser import text_string_to_metric_families

from chaos.targets.context import UnansweredError
from chaos.targets.http import Answer
from chaos.targets.records import ModelState, Told

__all__ = ["asked", "mapping", "model_path", "model_state", "registering", "scaling", "told"]


def model_path(model: str) -> str:
    """Where a model is managed."""
    return f"/models/{quote(model, safe='')}"


def registering(model: str, archive: str, workers: int) -> dict[str, str]:
    """The parameters of a registration that is answered when it is done."""
    return {
        "url": archive,
        "model_name": model,
        "initial_workers": str(workers),
        "synchronous": "true",
    }


def scaling(workers: int) -> dict[str, str]:
    """The parameters of a scaling to exactly that many that is answered when it is done."""
    return {"min_worker": str(workers), "max_worker": str(workers), "synchronous": "true"}


def asked(operation: str, model: str, workers: int, parameters: dict[str, str]) -> tuple[str, str] | None:
    """Method and path of an operation of the management API, ``parameters`` those of a registration; None where it
    has no such operation."""
    match operation:
        case "register":
            return "POST", f"/models?{urlencode(parameters)}"
        case "unregister":
            return "DELETE", model_path(model)
        case "scale":
            return "PUT", f"{model_path(model)}?{urlencode(scaling(workers))}"
        case "describe":
            return "GET", model_path(model)
        case "list":
            return "GET", "/models"
        case "api_description":
            return "OPTIONS", "/"
    return None


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


def told(answer: Answer, model: str) -> Told:
    """What the metrics, in Prometheus' text format, have counted of a model: seconds.

    :raises UnansweredError: if it is no such text
    """
    sums: dict[str, float] = {}
    try:
        for family in text_string_to_metric_families(answer.body.decode()):
            for sample in family.samples:
                if sample.labels.get("model_name") == model:
                    # the parser takes these counters' names for ones that lack their ending
                    name = sample.name.removesuffix("_total")
                    sums[name] = sums.get(name, 0.0) + sample.value
    except ValueError as error:
        raise UnansweredError(
            f"{answer.url}: these are no metrics: {error} (is this the metrics port?)"
        ) from None
    waiting = sums.get("ts_queue_latency_microseconds", 0.0) / 1e6
    whole = sums.get("ts_inference_latency_microseconds", 0.0) / 1e6
    return Told(int(sums.get("ts_inference_requests", 0.0)), waiting, max(0.0, whole - waiting))
