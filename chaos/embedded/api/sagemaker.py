"""The control-plane half of SageMaker's container API: the models of a multi-model container.

The requests come to the proxy's inference port, where SageMaker sends all of its own, and which passes them on here.
Reference: "Custom Containers Contract for Multi-Model Endpoints" in the SageMaker developer guide; beyond it is what
multi-model-server adds: a number of workers in a load, and the workers in a description.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from chaos.embedded.answers import Protocol, error_body
from chaos.embedded.api.description import description
from chaos.embedded.api.listing import check_name, model_page
from chaos.embedded.manager import Manager
from chaos.embedded.models import ModelSettings, Refusal
from chaos.embedded.store import Store

__all__ = ["SageMakerControl"]

OUT_OF_MEMORY = "out of memory"
"""In the words of a replica's end, if that is what ended it."""


class SageMakerControl:
    """Call it with method, path, query and body; it answers with status and body.

    :param queues: how many requests wait for each model
    """

    def __init__(
        self, manager: Manager, store: Store, queues: Callable[[], Awaitable[dict[str, int]]]
    ) -> None:
        self._manager = manager
        self._store = store
        self._queues = queues

    async def __call__(self, method: str, path: str, query: str, body: str) -> tuple[int, str]:
        """Answer one request."""
        names = [unquote(part) for part in path.strip("/").split("/")][1:]
        try:
            match method, names:
                case "GET", []:
                    given = dict(parse_qsl(query))
                    return 200, json.dumps(model_page(self._manager.models, given, self._manager.defects))
                case "POST", []:
                    return await self._load(body)
                case "GET", [name]:
                    return await self._describe(name)
                case "DELETE", [name]:
                    return await self._unload(name)
        except Refusal as refusal:
            return refusal.status, _error(refusal.status, refusal.kind, str(refusal))
        return 404, _error(404, "ResourceNotFoundException", "Requested resource is not found.")

    async def _load(self, body: str) -> tuple[int, str]:
        """Serve a package as a model, and answer when it is ready.

        :raises Refusal: 409 for a name that is taken, 507 where this node has no room for it, 500 in the package's own
            words if it does not load
        """
        document = _document(body)
        name, url = _text(document, "model_name"), _text(document, "url")
        workers = document.get("initial_workers", 1)
        if type(workers) is not int or workers < 0:
            raise Refusal(
                400, "BadRequestException", f"initial_workers {workers!r}: must be a number of workers"
            )
        check_name(name)
        settings = ModelSettings(name, self._store.find(url), url)
        try:
            await self._manager.register(settings, workers, synchronous=True)
        except Refusal as refusal:
            # all that the manager refuses with 400 is what is more than the node can bear
            if refusal.status == 400 or (refusal.status == 500 and OUT_OF_MEMORY in str(refusal)):
                raise Refusal(507, "InsufficientStorageException", str(refusal)) from None
            raise
        return 200, json.dumps({"status": f'Model "{name}" registered'})

    async def _describe(self, name: str) -> tuple[int, str]:
        model = self._manager.find(name)
        return 200, json.dumps(description(model, (await self._queues()).get(name, 0)))

    async def _unload(self, name: str) -> tuple[int, str]:
        await self._manager.unregister(self._manager.find(name))
        return 200, json.dumps({"status": f'Model "{name}" unregistered'})


def _document(body: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "BadRequestException", f"the request body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refusal(400, "BadRequestException", "the request body is not a JSON object")
    return document


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(400, "BadRequestException", f"Parameter {name} is required.")
    return value


def _error(status: int, kind: str, message: str) -> str:
    return error_body(Protocol.SAGEMAKER, status, kind, message).decode()
