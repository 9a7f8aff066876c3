"""Small real HTTP servers that answer as TorchServe, Triton and multi-model-server were seen to, and misbehave on
request."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import unquote

from aiohttp import web

__all__ = ["SageMakerStandIn", "StandIn", "TorchServeStandIn", "TritonStandIn", "cut", "hang", "reply"]

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def hang(request: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.sleep(3600)
    raise AssertionError("unreachable")


async def cut(request: web.Request) -> web.StreamResponse:
    """Closes the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def reply(status: int, text: str) -> Respond:
    """Always answers this."""

    async def respond(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text)

    return respond


class StandIn:
    """A server on loopback. ``overrides`` maps (method, path) to what answers instead; ``seen`` has all requests."""

    def __init__(self) -> None:
        self.port = 0
        self.overrides: dict[tuple[str, str], Respond] = {}
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.headers: list[dict[str, str]] = []

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Self]:
        """Listen on a free port for as long as the block lasts."""
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._dispatch)
        runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
            await site.start()
            self.port = runner.addresses[0][1]
            yield self
        finally:
            await runner.cleanup()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.seen.append((request.method, request.path, dict(request.query), body))
        self.headers.append(dict(request.headers))
        override = self.overrides.get((request.method, request.path))
        return await (override(request) if override else self.answer(request, body))

    async def answer(self, request: web.Request, body: Any) -> web.StreamResponse:
        return web.json_response({"code": 404, "message": "no such path"}, status=404)


def _error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"code": status, "type": kind, "message": message}, status=status)


class TorchServeStandIn(StandIn):
    """Registers and scales at once; ``page`` is its page size, ``tardy`` the describes until workers are ready."""

    def __init__(self) -> None:
        super().__init__()
        self.served: dict[str, int] = {}
        self.page = 100
        self.tardy = 0
        self.pids: list[int] = []

    async def answer(self, request: web.Request, body: Any) -> web.StreamResponse:
        parts = [unquote(part) for part in request.rel_url.raw_path.strip("/").split("/")]
        if parts == ["ping"]:
            return web.json_response({"status": "Healthy"})
        if parts == ["metrics"]:
            return web.Response(text="# nothing yet\n")
        if parts == ["models"]:
            return self._register(request) if request.method == "POST" else self._list(request)
        if parts[0] == "models" and len(parts) == 2:
            return self._model(request, parts[1])
        return _error(404, "ResourceNotFoundException", "Requested resource is not found")

    def _register(self, request: web.Request) -> web.Response:
        name, archive = request.query["model_name"], request.query["url"]
        if archive not in ("sleep.mar", "sleep"):
            return _error(404, "ModelNotFoundException", f"Model not found at: {archive}")
        if name in self.served:
            return _error(
                409, "ConflictStatusException", f"Model version 1.0 is already registered for model {name}"
            )
        self.served[name] = int(request.query["initial_workers"])
        return web.json_response({"status": f'Model "{name}" Version: 1.0 registered'})

    def _list(self, request: web.Request) -> web.Response:
        names = sorted(self.served)
        start = int(request.query.get("next_page_token", "0"))
        end = start + min(self.page, int(request.query.get("limit", "100")))
        document: dict[str, Any] = {"models": [{"modelName": name} for name in names[start:end]]}
        if end < len(names):
            document["nextPageToken"] = str(end)
        return web.json_response(document)

    def _model(self, request: web.Request, name: str) -> web.Response:
        if name not in self.served:
            return _error(404, "ModelNotFoundException", f"Model not found: {name}")
        if request.method == "DELETE":
            del self.served[name]
            return web.json_response({"status": f'Model "{name}" unregistered'})
        if request.method == "PUT":
            self.served[name] = int(request.query["min_worker"])
            return web.json_response({"status": "Processing worker updates..."}, status=202)
        self.tardy, late = max(0, self.tardy - 1), self.tardy > 0
        workers = [
            {"id": str(9000 + number), "status": "UNLOADING" if late else "READY", "pid": -1}
            for number in range(self.served[name])
        ]
        for worker, pid in zip(workers, self.pids, strict=False):
            worker["pid"] = pid
        count = self.served[name]
        return web.json_response(
            [{"modelName": name, "minWorkers": count, "maxWorkers": count, "workers": workers}]
        )


class TritonStandIn(StandIn):
    """Explicit model control over ``repository``; unloading takes ``draining`` looks at the index. Models that came
    with a load are in ``sent``, by their configuration, and in no index."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "triton"
        self.repository: dict[str, str] = dict.fromkeys(["victim", "other"], "")
        self.draining = 0
        self.has_index = True
        self.sent: dict[str, dict[str, Any]] = {}

    async def answer(self, request: web.Request, body: Any) -> web.StreamResponse:
        match [request.method, *request.path.strip("/").split("/")]:
            case ["GET", "v2"]:
                return web.json_response({"name": self.name, "version": "2.51.0", "extensions": []})
            case ["GET", "v2", "health", "ready"]:
                return web.Response()
            case ["GET", "v2", "models"] if not self.has_index:
                return web.json_response(
                    {"models": sorted(name for name in self.repository if self._ready(name))}
                )
            case ["GET", "v2", "models", "stats"]:
                ready = [name for name in self.repository if self._ready(name)]
                return web.json_response({"model_stats": [{"name": name} for name in [*ready, *self.sent]]})
            case ["GET", "v2", "models", name, "config"] if name in self.sent:
                return web.json_response({"name": name, **self.sent[name]})
            case ["GET", "v2", "models", name, "ready"]:
                return web.Response() if self._ready(name) else web.json_response({"error": "no"}, status=400)
            case ["GET", "v2", "models", name, "config"]:
                return web.json_response({"name": name, "instance_group": [{"count": 2}, {"count": 1}]})
            case ["POST", "v2", "repository", "index"] if self.has_index:
                return self._index()
            case ["POST", "v2", "repository", "models", name, verb]:
                return self._change(name, verb, (body or {}).get("parameters", {}))
        return web.json_response({"error": "not found"}, status=404)

    def _ready(self, name: str) -> bool:
        return name in self.sent or self.repository.get(name) == "READY"

    def _index(self) -> web.Response:
        if self.draining > 0:
            self.draining -= 1
        elif "UNLOADING" in self.repository.values():
            self.repository = {n: s.replace("UNLOADING", "UNAVAILABLE") for n, s in self.repository.items()}
        entries = [
            {"name": n, "version": "1"} | ({"state": s} if s else {}) for n, s in self.repository.items()
        ]
        return web.json_response(entries)

    def _change(self, name: str, verb: str, parameters: dict[str, Any]) -> web.Response:
        if verb == "unload":
            if self.sent.pop(name, None) is None and self._ready(name):
                self.repository[name] = "UNLOADING" if self.has_index else "UNAVAILABLE"
            return web.Response()
        if any(parameter.startswith("file:") for parameter in parameters):
            self.sent[name] = json.loads(parameters["config"])
            return web.Response()
        if name not in self.repository:
            return web.json_response({"error": f"failed to load '{name}'"}, status=500)
        self.repository[name] = "READY"
        return web.Response()


class SageMakerStandIn(StandIn):
    """A container of several models, ``served`` by name with their workers; ``page`` is its page size.

    Where it ``counts``, it describes its API as taking a number of workers, and tells them, as multi-model-server does;
    ``tardy`` describes pass until they are ready, or until a model that was unloaded is gone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.served: dict[str, int] = {}
        self.leaving: set[str] = set()
        self.page = 100
        self.tardy = 0
        self.counts = False

    async def answer(self, request: web.Request, body: Any) -> web.StreamResponse:
        match [request.method, *(unquote(part) for part in request.rel_url.raw_path.strip("/").split("/"))]:
            case ["GET", "ping"]:
                return web.Response()
            case ["GET", "api-description"] if self.counts:
                parameters = [{"name": "url"}, {"name": "initial_workers"}]
                return web.json_response({"paths": {"/models": {"post": {"parameters": parameters}}}})
            case ["GET", "models"]:
                return self._list(request)
            case ["POST", "models"]:
                return self._load(body)
            case ["GET", "models", name] if name in self.served:
                return self._describe(name)
            case ["DELETE", "models", name] if name in self.served:
                self.leaving.add(name)
                return web.Response()
        return _error(404, "ModelNotFoundException", "Model not found")

    def _load(self, body: dict[str, Any]) -> web.Response:
        name, workers = body["model_name"], body.get("initial_workers", 1)
        if body["url"].rpartition("/")[2] != "sleep":
            return _error(404, "ModelNotFoundException", f"Model not found at: {body['url']}")
        if name in self.served:
            return _error(409, "ConflictStatusException", f"Model {name} is already registered.")
        self.served[name] = workers
        return web.json_response({"status": f'Model "{name}" registered'})

    def _list(self, request: web.Request) -> web.Response:
        names = sorted(self.served)
        start = int(request.query.get("next_page_token", "0"))
        document: dict[str, Any] = {
            "models": [{"modelName": name, "modelUrl": "x"} for name in names[start : start + self.page]]
        }
        if start + self.page < len(names):
            document["nextPageToken"] = str(start + self.page)
        return web.json_response(document)

    def _describe(self, name: str) -> web.Response:
        self.tardy, late = max(0, self.tardy - 1), self.tardy > 0
        if name in self.leaving and not late:
            self.leaving.discard(name)
            del self.served[name]
            return _error(404, "ModelNotFoundException", "Model not found")
        document: dict[str, Any] = {"modelName": name, "modelUrl": "x"}
        if self.counts:
            workers = self.served[name]
            state = {"status": "UNLOADING" if late else "READY"}
            document |= {"minWorkers": workers, "workers": [state] * workers}
        return web.json_response(document)
