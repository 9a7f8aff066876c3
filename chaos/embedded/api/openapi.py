"""The OpenAPI 3.0.1 descriptions that TorchServe answers to ``OPTIONS``, of what this platform serves."""

from __future__ import annotations

from typing import Any

import chaos

__all__ = ["inference_description", "management_description", "model_description"]

_ERRORS = {"400": "bad request", "404": "not found", "500": "internal error", "503": "no worker to serve it"}


def _operation(name: str, text: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    answers = {"200": "success", **_ERRORS}
    return {
        "operationId": name,
        "description": text,
        "parameters": list(parameters),
        "responses": {status: {"description": said} for status, said in answers.items()},
    }


def _in_path(name: str) -> dict[str, Any]:
    return {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}


def _query(name: str, kind: str, text: str, required: bool = False) -> dict[str, Any]:
    return {"in": "query", "name": name, "required": required, "description": text, "schema": {"type": kind}}


def _document(title: str, paths: dict[str, Any]) -> dict[str, Any]:
    return {"openapi": "3.0.1", "info": {"title": title, "version": chaos.__version__}, "paths": paths}


_SYNCHRONOUS = _query("synchronous", "boolean", "answer only when the workers are ready")


def inference_description() -> dict[str, Any]:
    """The inference API."""
    model = _in_path("model_name")
    predict = _operation("predictions", "Have a model answer; the body goes to its handler.", model)
    return _document(
        "TorchServe APIs (embedded platform)",
        {
            "/ping": {"get": _operation("ping", "Health of the platform.")},
            "/predictions/{model_name}": {
                "post": predict,
                "get": {**predict, "operationId": "getPredictions"},
            },
            "/invocations": {
                "post": _operation("invocations", "Have the only model, or the one in a header, answer.")
            },
            "/models": {
                "get": _listing(),
                "post": _operation("loadModel", "Serve a handler package.", *_loading()),
            },
            "/models/{model_name}": {
                "get": _operation("describeModel", "The model's state and its workers.", model),
                "delete": _operation("unloadModel", "Finish its requests, then stop serving it.", model),
            },
            "/models/{model_name}/invoke": {"post": {**predict, "operationId": "invoke"}},
            "/v2/models/{model_name}/infer": {"post": {**predict, "operationId": "infer"}},
            "/api-description": {"get": _operation("apiDescription", "This document.")},
        },
    )


def management_description() -> dict[str, Any]:
    """The management API."""
    register = _operation(
        "registerModel",
        "Serve a handler package as a model.",
        *_loading(),
        _query("response_timeout", "integer", "seconds that a handler may take, 120 if absent"),
        _query("batch_size", "integer", "requests that a worker is given at once, at the most, 1 if absent"),
        _query("max_batch_delay", "integer", "milliseconds that it waits for them, 100 if absent"),
        _SYNCHRONOUS,
    )
    return _document(
        "TorchServe APIs (embedded platform)",
        {
            "/models": {"get": _listing(), "post": register},
            "/models/{model_name}": _model_paths(),
            "/errors": _errors(),
            "/limits": {"get": _operation("limits", "What this node can bear: workers, memory, batch size.")},
            "/links": {"get": _operation("links", "The platform's own links: which stand, and since when.")},
        },
    )


def _loading() -> tuple[dict[str, Any], ...]:
    return (
        _query("url", "string", "the package's name, or a directory", required=True),
        _query("model_name", "string", "the model's name; the package's if absent"),
        _query("initial_workers", "integer", "workers to start, 1 if absent"),
    )


def _listing() -> dict[str, Any]:
    return _operation(
        "listModels",
        "All models, by name.",
        _query("limit", "integer", "at most so many, 100 if absent"),
        _query("next_page_token", "string", "where the page before ended"),
    )


def _errors() -> dict[str, Any]:
    model = _query("model", "string", "of this model only")
    limit = _query("limit", "integer", "at most so many, 100 if absent")
    return {
        "get": _operation(
            "listErrors", "Replicas that ended without being told to, latest first.", model, limit
        ),
        "delete": _operation("clearErrors", "Forget them.", model),
    }


def model_description() -> dict[str, Any]:
    """What can be done with one model."""
    return _document("TorchServe APIs (embedded platform)", {"/models/{model_name}": _model_paths()})


def _model_paths() -> dict[str, Any]:
    model = _in_path("model_name")
    scale = _operation(
        "setAutoScale",
        "Change the number of workers.",
        model,
        _query("min_worker", "integer", "at least so many, 1 if absent"),
        _query("max_worker", "integer", "at most so many, min_worker if absent"),
        _query("timeout", "integer", "seconds to wait for them when synchronous"),
        _SYNCHRONOUS,
    )
    return {
        "get": _operation("describeModel", "The model's state and its workers.", model),
        "put": scale,
        "delete": _operation("unregisterModel", "Finish its requests, then stop serving it.", model),
    }
