"""TorchServe's management API, with its status codes, JSON shapes and defaults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import asdict

from aiohttp import web

from chaos.embedded.answers import Protocol, error_body
from chaos.embedded.api.description import description
from chaos.embedded.api.errors import ErrorsApi
from chaos.embedded.api.links import describe_links
from chaos.embedded.api.listing import check_name, integer, model_page
from chaos.embedded.api.openapi import management_description, model_description
from chaos.embedded.api.wear import WEARS, wear
from chaos.embedded.defects import Defect
from chaos.embedded.error_history import ErrorHistory
from chaos.embedded.hub import ProxyHub
from chaos.embedded.intent import WAIT_SECONDS
from chaos.embedded.manager import Manager
from chaos.embedded.models import (
    BATCH_DELAY,
    MODEL_VERSION,
    RESPONSE_SECONDS,
    Model,
    ModelSettings,
    Refusal,
)
from chaos.embedded.store import Store

__all__ = ["ManagementApi"]

LOOK_SECONDS = 0.01
SCAN_SECONDS = 0.001
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ManagementApi:
    """The aiohttp application of the management port."""

    def __init__(self, manager: Manager, store: Store, hub: ProxyHub, history: ErrorHistory) -> None:
        self._manager = manager
        self._store = store
        self._hub = hub
        self._errors = ErrorsApi(history)
        self._turn = asyncio.Lock()
        self._waiting = 0

    def application(self) -> web.Application:
        """A fresh application."""
        app = web.Application(middlewares=[self._middleware], client_max_size=1 << 20)
        if worn := WEARS & frozenset(self._manager.defects):
            app.middlewares.append(wear(worn))
        router = app.router
        router.add_post("/models", self._register)
        router.add_get("/models", self._list)
        router.add_get("/links", self._links)
        router.add_get("/limits", self._limits)
        self._errors.add_to(router)
        router.add_get("/api-description", self._describe_api)
        router.add_route("OPTIONS", "/", self._describe_api)
        for path in ("/models/{name}", "/models/{name}/{version}"):
            router.add_get(path, self._describe)
            router.add_put(path, self._scale)
            router.add_delete(path, self._unregister)
            router.add_route("OPTIONS", path, self._describe_api)
        router.add_put("/models/{name}/{version}/set-default", self._set_default)
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            await self._scan()
            if Defect.CONTROL_PLANE_IN_TURN in self._manager.defects:
                async with self._turn:
                    response = await handler(request)
            else:
                response = await handler(request)
        except Refusal as refusal:
            response = _error(refusal.status, refusal.kind, str(refusal))
        except web.HTTPMethodNotAllowed:
            text = "Requested method is not allowed, please refer to API document."
            response = _error(405, "MethodNotAllowedException", text)
        except web.HTTPNotFound:
            text = "Requested resource is not found, please refer to API document."
            response = _error(404, "ResourceNotFoundException", text)
        self._hub.count(response.status)
        return response

    async def _scan(self) -> None:
        """The defect: whoever comes waits until all that wait have been looked through, once for each."""
        if Defect.WAITING_SCANNED in self._manager.defects:
            self._waiting += 1
            async with self._turn:
                await asyncio.sleep(SCAN_SECONDS * self._waiting)
            self._waiting -= 1

    async def _register(self, request: web.Request) -> web.Response:
        given = await _parameters(request)
        url = given.get("url", "")
        package = self._store.find(url)
        name = given.get("model_name") or package.name
        check_name(name)
        timeout = integer(given, "response_timeout", RESPONSE_SECONDS)
        if timeout < 1:
            raise Refusal(
                400, "BadRequestException", f"response_timeout {timeout}: must be at least one second"
            )
        workers = max(0, integer(given, "initial_workers", 1))
        synchronous = _boolean(given, "synchronous", True)
        settings = ModelSettings(
            name,
            package,
            url,
            response_timeout=timeout,
            batch_size=integer(given, "batch_size", 1),
            max_batch_delay=integer(given, "max_batch_delay", BATCH_DELAY),
        )
        model = await self._manager.register(settings, workers, synchronous)
        if Defect.LOST_REGISTRATION_FORGOTTEN in self._manager.defects and request.transport is None:
            self._manager.forget(model)
        model.unheard = request.transport is None
        if not synchronous and workers:
            return _status(202, "Processing worker updates...")
        said = f'Model "{name}" Version: {MODEL_VERSION} registered with {workers} initial workers'
        hint = "" if workers else ". Use scale workers API to add workers for the model."
        return _status(200, said + hint)

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response(model_page(self._manager.models, request.query, self._manager.defects))

    async def _describe(self, request: web.Request) -> web.Response:
        model = self._model(request, "all")
        pending = (await self._hub.ask_queues()).get(model.name, 0)
        return web.json_response([description(model, pending)])

    async def _scale(self, request: web.Request) -> web.Response:
        model = self._model(request)
        given = request.query
        minimum = integer(given, "min_worker", 1)
        maximum = integer(given, "max_worker", minimum)
        if minimum < 0:
            raise Refusal(400, "BadRequestException", f"min_worker {minimum}: must not be negative")
        if maximum < minimum:
            raise Refusal(400, "BadRequestException", "max_worker cannot be less than min_worker.")
        seconds = float(integer(given, "timeout", -1))
        synchronous = _boolean(given, "synchronous", False)
        wait = WAIT_SECONDS if seconds < 0 else min(seconds, WAIT_SECONDS)
        before = len(model.workers)
        there = await self._manager.scaling.to(model, minimum, maximum, synchronous, wait)
        if Defect.LOST_ANSWER_DOUBLES in self._manager.defects and request.transport is None:
            await self._manager.scaling.once_more(model, len(model.workers) - before)
        if not synchronous:
            return _status(202, "Processing worker updates...")
        if not there:
            return _status(206, "Workers scaling in progress...")
        version = f", version: {MODEL_VERSION}" if "version" in request.match_info else ""
        return _status(200, f"Workers scaled to {minimum} for model: {model.name}{version}")

    async def _unregister(self, request: web.Request) -> web.Response:
        model = self._model(request)
        defects = self._manager.defects
        if Defect.UNREGISTER_STOPS_HALFWAY in defects:
            await _while_there(request, self._manager.unregister(model))
        else:
            await self._manager.unregister(model)
        if Defect.LOST_UNREGISTRATION_UNDONE in defects and request.transport is None:
            await self._manager.register(model.settings, model.max_workers, synchronous=True)
        return _status(200, f'Model "{model.name}" unregistered')

    async def _set_default(self, request: web.Request) -> web.Response:
        model = self._model(request)
        return _status(
            200, f'Default version successfully updated for model "{model.name}" to "{MODEL_VERSION}"'
        )

    async def _limits(self, request: web.Request) -> web.Response:
        return web.json_response(asdict(self._manager.admission.limits))

    async def _links(self, request: web.Request) -> web.Response:
        return web.json_response(describe_links(self._manager.models.values(), self._hub))

    async def _describe_api(self, request: web.Request) -> web.Response:
        one = "name" in request.match_info
        if one:
            self._model(request)
        return web.json_response(model_description() if one else management_description())

    def _model(self, request: web.Request, *more: str) -> Model:
        """The model that the path names, whose version must be the one there is."""
        model = self._manager.find(request.match_info["name"])
        version = request.match_info.get("version", MODEL_VERSION)
        if version not in (MODEL_VERSION, *more):
            text = f"Model version: {version} does not exist for model: {model.name}"
            raise Refusal(404, "ModelVersionNotFoundException", text)
        return model


async def _while_there(request: web.Request, operation: Coroutine[None, None, None]) -> None:
    """The defect ``unregister_stops_halfway``: what the client does not wait for is cancelled."""
    task = asyncio.create_task(operation)
    while not task.done():
        await asyncio.wait([task], timeout=LOOK_SECONDS)
        if request.transport is None:
            task.cancel()
    await task


async def _parameters(request: web.Request) -> dict[str, str]:
    """The query, or a JSON body in its place."""
    given = dict(request.query)
    if given or not request.can_read_body:
        return given
    try:
        document = json.loads(await request.text())
    except ValueError as error:
        raise Refusal(500, "JsonSyntaxException", f"the request body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refusal(500, "JsonSyntaxException", "the request body is not a JSON object")
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in document.items()
    }


def _boolean(given: Mapping[str, str], name: str, default: bool) -> bool:
    return given.get(name, str(default)).lower() == "true"


def _status(status: int, text: str) -> web.Response:
    return web.json_response({"status": text}, status=status)


def _error(status: int, kind: str, message: str) -> web.Response:
    body = error_body(Protocol.TORCHSERVE, status, kind, message)
    return web.Response(body=body, status=status, content_type="application/json")
