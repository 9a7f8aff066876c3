"""The control-plane half of the Open Inference Protocol V2: model metadata and the model repository, as Triton's.

The requests come to the proxy's inference port, which passes them on here.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from chaos.embedded.manager import Manager
from chaos.embedded.models import Model, ModelSettings, Refusal
from chaos.embedded.store import Store

__all__ = ["OipControl"]

VERSION = "1"
BATCHING = ("batch_size", "max_batch_delay")
"""Parameters of a load that are a model's for good."""


class OipControl:
    """Call it with method, path and body; it answers with status and body."""

    def __init__(self, manager: Manager, store: Store) -> None:
        self._manager = manager
        self._store = store

    async def __call__(self, method: str, path: str, body: str) -> tuple[int, str]:
        """Answer one request.

        An unload of what is not loaded is no error; a load of what is loaded already changes nothing but the
        number of workers, if one is given.
        """
        parts = [unquote(part) for part in path.strip("/").split("/")][1:]
        try:
            match parts:
                case ["models", name, *_]:
                    return self._metadata(name)
                case ["repository", "index"]:
                    return self._index(_document(body))
                case ["repository", "models", name, "load"]:
                    return await self._load(name, _document(body))
                case ["repository", "models", name, "unload"]:
                    return await self._unload(name)
        except Refusal as refusal:
            return refusal.status, _error(str(refusal))
        return 404, _error("not found")

    def _metadata(self, name: str) -> tuple[int, str]:
        if name not in self._manager.models:
            return 404, _error(f"Request for unknown model: '{name}' is not found")
        document = {
            "name": name,
            "versions": [VERSION],
            "platform": "python",
            "inputs": [{"name": "payload", "datatype": "BYTES", "shape": [1]}],
            "outputs": [{"name": "result", "datatype": "BYTES", "shape": [1]}],
        }
        return 200, json.dumps(document)

    def _index(self, document: dict[str, Any]) -> tuple[int, str]:
        loaded = self._manager.models
        entries = [_entry(loaded[name]) for name in sorted(loaded)]
        if document.get("ready"):
            entries = [entry for entry in entries if entry["state"] == "READY"]
        else:
            entries += [{"name": name} for name in self._store.names() if name not in loaded]
        return 200, json.dumps(entries)

    async def _load(self, name: str, document: dict[str, Any]) -> tuple[int, str]:
        parameters = document.get("parameters", {})
        if not isinstance(parameters, dict):
            raise Refusal(400, "", "'parameters' must be an object")
        workers = parameters.get("workers")
        if workers is not None and (type(workers) is not int or workers < 0):
            raise Refusal(400, "", f"'workers' must be a number of workers, not {workers!r}")
        batching = {name: parameters[name] for name in BATCHING if name in parameters}
        for each, value in batching.items():
            if type(value) is not int:
                raise Refusal(400, "", f"'{each}' must be a number, not {value!r}")
        package = parameters.get("package", name)
        model = self._manager.models.get(name)
        try:
            path = self._store.find(str(package))
        except Refusal:
            return 500, _error(f"failed to load '{name}', failed to poll from model repository")
        if model is None:
            settings = ModelSettings(name, path, str(package), **batching)
            try:
                await self._manager.register(settings, 1 if workers is None else workers, synchronous=True)
            except Refusal as refusal:
                return 400, _error(f"load failed for model '{name}': {refusal}")
        elif "package" in parameters and model.settings.package != path:
            served = model.settings.package.name
            raise Refusal(400, "", f"model '{name}' is loaded with package '{served}'; unload it first")
        elif workers is not None and not await self._manager.scaling.to(
            model, workers, workers, synchronous=True
        ):
            return 400, _error(f"load failed for model '{name}': its workers do not get ready")
        return 200, ""

    async def _unload(self, name: str) -> tuple[int, str]:
        model = self._manager.models.get(name)
        if model is not None:
            try:
                await self._manager.unregister(model)
            except Refusal as refusal:
                if refusal.status != 404:  # gone already, or going: as asked
                    raise
        return 200, ""


def _entry(model: Model) -> dict[str, str]:
    entry = {"name": model.name, "version": VERSION}
    if model.leaving:
        return {**entry, "state": "UNLOADING"}
    if model.ready_workers:
        return {**entry, "state": "READY"}
    if model.desired and not any(worker.error for worker in model.workers):
        return {**entry, "state": "LOADING"}
    reason = next((str(worker.error) for worker in model.workers if worker.error), "no workers")
    return {**entry, "state": "UNAVAILABLE", "reason": reason}


def _document(body: str) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "", f"failed to parse the request JSON buffer: {error}") from None
    if not isinstance(document, dict):
        raise Refusal(400, "", "the request is not a JSON object")
    return document


def _error(message: str) -> str:
    return json.dumps({"error": message})
