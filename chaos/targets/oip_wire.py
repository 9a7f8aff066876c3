"""The Open Inference Protocol on the wire: its paths and bodies, and its answers, read with the care that answers of a
server deserve.

An answer of another shape than documented is one of which nothing is known, not a crash of the harness.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from chaos.targets.context import UnansweredError
from chaos.targets.http import Answer
from chaos.targets.records import Told
from chaos.traffic.spec import NONCE

__all__ = [
    "INDEX", "INPUT", "SERVED", "dynamic_batching", "index_told", "infer_document", "instances_told", "model_path",
    "names_told", "ready_told", "repository_path", "timings_told",
]  # fmt: skip

INDEX = "/v2/repository/index"
INPUT = "payload"
"""The input tensor that carries a payload which is not in the protocol's own form."""
SERVICE = ("compute_input", "compute_infer", "compute_output")
"""What a request's service consists of, in the statistics extension's words."""
SERVED = ("READY", "LOADING", "UNKNOWN")
"""States of a model that is in, or on its way in; MLServer says UNKNOWN of one that it loads."""

Index = list[tuple[str, dict[str, Any]]]
"""Name and entry of each model in a repository."""


def model_path(model: str) -> str:
    """Where a model is served."""
    return f"/v2/models/{quote(model, safe='')}"


def repository_path(model: str, verb: str) -> str:
    """Where a model of the repository is loaded or unloaded, by the verb."""
    return f"/v2/repository/models/{quote(model, safe='')}/{verb}"


def infer_document(payload: object, batched: bool) -> dict[str, Any]:
    """An inference. A payload with ``inputs`` is the protocol's own and is sent as it is; any other goes as the text of
    a BYTES tensor of one element. Where the payload carries no nonce, the request's ``id`` does.
    """
    if isinstance(payload, dict) and "inputs" in payload:
        document: dict[str, Any] = dict(payload)
    else:
        # to a model that batches, Triton adds a dimension: of how many inferences a request has, here one
        shape = [1, 1] if batched else [1]
        tensor = {"name": INPUT, "shape": shape, "datatype": "BYTES", "data": [json.dumps(payload)]}
        document = {"inputs": [tensor]}
    # an id beside a nonce in the payload would be echoed by the server, whatever the model answers
    if "id" not in document and NONCE not in json.dumps(document):
        document = {"id": NONCE, **document}
    return document


def dynamic_batching(size: int, delay: float) -> dict[str, Any]:
    """What makes a Triton model take batches, as fields of its configuration (docs/user_guide/batcher.md)."""
    queue = {"preferred_batch_size": [size], "max_queue_delay_microseconds": round(delay * 1e6)}
    return {"max_batch_size": size, "dynamic_batching": queue}


def index_told(answer: Answer) -> Index:
    """The index of a repository.

    :raises UnansweredError: if it is none
    """
    content = answer.json()
    if not isinstance(content, list) or not all(
        isinstance(entry, dict) and "name" in entry for entry in content
    ):
        raise UnansweredError(f"{answer.url} is no index of models: '{answer.words}'")
    return [(str(entry["name"]), entry) for entry in content]


def names_told(answer: Answer) -> list[str]:
    """The names in a list of models, which KServe has in place of an index.

    :raises UnansweredError: if it is no such list
    """
    content = answer.json()
    names = content.get("models") if isinstance(content, dict) else None
    if not isinstance(names, list):
        raise UnansweredError(f"{answer.url} is no list of models: '{answer.words}'")
    return sorted({str(name) for name in names})


def ready_told(answer: Answer) -> bool:
    """Whether a model is ready: KServe says it in a body, Triton and MLServer have none."""
    if not answer.ok:
        return False
    content = answer.json() if answer.body.strip() else None
    return not isinstance(content, dict) or content.get("ready") is not False


def instances_told(answer: Answer) -> int:
    """The instances of Triton's configuration of a model; where the server has none to tell, 1.

    :raises UnansweredError: if it is no such configuration
    """
    if not answer.ok:
        return 1
    content = answer.json()
    try:
        groups = content.get("instance_group", [])  # type: ignore[attr-defined]
        return sum(int(group.get("count", 1)) for group in groups) or 1
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise UnansweredError(f"{answer.url} is no model's configuration: '{answer.words}'") from None


def timings_told(answer: Answer) -> Told:
    """What the statistics extension has counted of a model, over its versions: seconds.

    :raises UnansweredError: if it is no such answer
    """
    content = answer.json()
    try:
        counted = [entry["inference_stats"] for entry in content["model_stats"]]  # type: ignore[index]
        seconds = {key: sum(entry[key]["ns"] for entry in counted) / 1e9 for key in ("queue", *SERVICE)}
        served = sum(int(entry["success"]["count"]) for entry in counted)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UnansweredError(f"{answer.url} is no statistics: '{answer.words}'") from None
    return Told(served, seconds["queue"], sum(seconds[key] for key in SERVICE))
