"""The AppProxy's HTTP face: the inference port's paths, in the words of TorchServe, of the Open Inference Protocol, and
of SageMaker's container API."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any
from urllib.parse import parse_qs

import chaos
from chaos.embedded.answers import Protocol, error_body
from chaos.embedded.api.openapi import inference_description
from chaos.embedded.defects import Defect
from chaos.embedded.exchange import Exchange
from chaos.embedded.metrics import CONTENT_TYPE
from chaos.embedded.paths import Route, route
from chaos.embedded.proxy import Proxy

__all__ = ["OIP_NAME", "VERSIONS", "Front"]

OIP_NAME = "chaos-embedded"
"""What the server calls itself in the Open Inference Protocol's metadata."""

VERSIONS = {
    Protocol.TORCHSERVE: {"", "1.0", "default"},
    Protocol.OIP: {"", "1", "1.0"},
    Protocol.SAGEMAKER: {""},
}
"""The versions by which a model answers."""

TARGET_MODEL = "x-amzn-sagemaker-target-model"
"""The header by which SageMaker names one of several models, by the path of its archive."""

KEPT_BYTES = 4096
THREADS_EVERY = 32
"""What a defective proxy keeps of a request, and of how many health checks a thread."""


class Front:
    """Answers the requests of the inference port with :meth:`inference`, of the metrics port with :meth:`metrics`."""

    def __init__(
        self, proxy: Proxy, tasks: asyncio.TaskGroup, defects: frozenset[Defect] = frozenset()
    ) -> None:
        self._proxy = proxy
        self._tasks = tasks
        self._kept: list[bytearray] | None = [] if Defect.PROXY_KEEPS_REQUESTS in defects else None
        self._waiters = Defect.PING_LEAVES_THREAD in defects
        self._pings = 0

    def inference(self, exchange: Exchange) -> None:
        """Answer one request of the inference port."""
        where = route(exchange.method, exchange.url.decode("latin-1"))
        if self._kept is not None:
            self._kept.append(bytearray(exchange.url) + b"*" * KEPT_BYTES)
        match where.kind:
            case "infer":
                if where.protocol is Protocol.SAGEMAKER and not where.model:
                    self._invoke(exchange, where)
                elif where.version in VERSIONS[where.protocol]:
                    self._proxy.infer(exchange, where.model, where.protocol)
                else:
                    self._unknown_version(exchange, where)
            case "ping":
                self._proxy.ping(exchange, self._ping)
            case "describe":
                self._json(exchange, 200, inference_description())
            case "server":
                version, extensions = chaos.__version__, ["model_repository"]
                self._json(exchange, 200, {"name": OIP_NAME, "version": version, "extensions": extensions})
            case "live":
                self._empty(exchange, 200)
            case "ready":
                self._empty(exchange, 200 if self._healthy() else 400)
            case "model_ready":
                if where.version in VERSIONS[Protocol.OIP] and self._proxy.ready(where.model):
                    self._empty(exchange, 200)
                else:
                    self._error(exchange, where, 400, "", "Model version not ready")
            case "control":
                self._tasks.create_task(self._control(exchange, where))
            case "wrong_method":
                text = "Requested method is not allowed, please refer to API document."
                self._error(exchange, where, 405, "MethodNotAllowedException", text)
            case "none":
                text = "Requested resource is not found, please refer to API document."
                self._error(exchange, where, 404, "ResourceNotFoundException", text)

    def metrics(self, exchange: Exchange) -> None:
        """Answer one request of the metrics port."""
        path, _, query = exchange.url.decode("latin-1").partition("?")
        if exchange.method == "GET" and path == "/metrics":
            exchange.respond(200, self._proxy.metrics.render(parse_qs(query).get("name[]", [])), CONTENT_TYPE)
        else:
            text = "Requested resource is not found, please refer to API document."
            body = error_body(Protocol.TORCHSERVE, 404, "ResourceNotFoundException", text)
            exchange.respond(404, body)

    def _ping(self, exchange: Exchange) -> None:
        self._pings += 1
        if self._waiters and self._pings % THREADS_EVERY == 0:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        healthy = self._healthy()
        self._json(exchange, 200 if healthy else 500, {"status": "Healthy" if healthy else "Unhealthy"})

    def _healthy(self) -> bool:
        control = self._proxy.control
        return self._proxy.synchronised.is_set() and control is not None and control.up

    def _invoke(self, exchange: Exchange, where: Route) -> None:
        """An invocation that names no model in its path: its header does, or there is only one."""
        models = self._proxy.routes
        named = exchange.headers.get(TARGET_MODEL, "").strip().lstrip("/")
        if named:
            model = named if named in models else named.removesuffix(".tar.gz")
            self._proxy.infer(exchange, model, where.protocol)
        elif len(models) == 1:
            self._proxy.infer(exchange, next(iter(models)), where.protocol)
        else:
            text = f"{len(models)} models are loaded, so the header {TARGET_MODEL} must name the one that is meant."
            self._error(exchange, where, 400, "BadRequestException", text)

    async def _control(self, exchange: Exchange, where: Route) -> None:
        """Have the manager answer."""
        control = self._proxy.control
        path = exchange.url.decode("latin-1")
        try:
            if control is None:
                raise ConnectionError("no link to the manager")
            text = b"".join(exchange.body).decode()
            status, body = await control.call(exchange.method, path, text)
        except UnicodeDecodeError:
            self._error(exchange, where, 400, "", "the request body is not UTF-8 text")
        except (ConnectionError, TimeoutError) as error:
            self._error(exchange, where, 503, "", f"the control plane does not answer: {error}")
        else:
            self._proxy.metrics.answered(status)
            exchange.respond(status, body)

    def _unknown_version(self, exchange: Exchange, where: Route) -> None:
        if where.model not in self._proxy.routes:
            self._proxy.unknown_model(exchange, where.model, where.protocol)
        else:
            text = f"Model version: {where.version} does not exist for model: {where.model}"
            self._error(exchange, where, 404, "ModelVersionNotFoundException", text)

    def _error(self, exchange: Exchange, where: Route, status: int, kind: str, message: str) -> None:
        self._proxy.metrics.answered(status)
        exchange.respond(status, error_body(where.protocol, status, kind, message))

    def _json(self, exchange: Exchange, status: int, document: dict[str, Any]) -> None:
        self._proxy.metrics.answered(status)
        exchange.respond(status, json.dumps(document).encode())

    def _empty(self, exchange: Exchange, status: int) -> None:
        self._proxy.metrics.answered(status)
        exchange.respond(status)
