"""What a request on the inference port asks for: a pure function of method, path and query."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote

from chaos.embedded.answers import Protocol

__all__ = ["Route", "route"]

Kind = Literal[
    "infer", "ping", "describe", "server", "live", "ready", "model_ready", "control", "wrong_method", "none"
]


@dataclass(frozen=True, slots=True)
class Route:
    """``kind`` says what to do; ``model`` and ``version`` are empty where they are not named in the URL."""

    kind: Kind
    protocol: Protocol = Protocol.TORCHSERVE
    model: str = ""
    version: str = ""


def route(method: str, url: str) -> Route:
    """Where a request goes. Never fails: what nobody serves is of the kind ``none``."""
    path, _, query = url.partition("?")
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "v2":
        return _oip(method, parts[1:])
    if method == "OPTIONS":
        return (
            Route("describe")
            if parts in ([""], ["predictions"]) or parts[0] == "predictions"
            else Route("none")
        )
    match parts:
        case ["ping"]:
            return Route("ping") if method == "GET" else Route("wrong_method")
        case ["api-description"]:
            return Route("describe") if method == "GET" else Route("wrong_method")
        case ["predictions", model]:
            return _infer(method, model)
        case ["predictions", model, version]:
            return _infer(method, model, version)
        case ["invocations"]:
            named = parse_qs(query).get("model_name", [""])[0]
            return _infer(method, named) if named else _sagemaker(method, ("POST",), "infer")
        case ["models"]:
            return _sagemaker(method, ("GET", "POST"), "control")
        case ["models", model]:
            return _sagemaker(method, ("GET", "DELETE"), "control", model)
        case ["models", model, "invoke"]:
            return _sagemaker(method, ("GET", "POST", "PUT"), "infer", model)  # which TorchServe has as well
    return Route("none")


def _infer(method: str, model: str, version: str = "") -> Route:
    if method not in ("GET", "POST", "PUT"):
        return Route("wrong_method")
    return Route("infer", Protocol.TORCHSERVE, model, version)


def _sagemaker(method: str, methods: Container[str], kind: Kind, model: str = "") -> Route:
    return Route(kind if method in methods else "wrong_method", Protocol.SAGEMAKER, model)


def _oip(method: str, parts: list[str]) -> Route:
    oip = Protocol.OIP
    kinds: dict[tuple[str, ...], Kind] = {
        (): "server",
        ("health", "live"): "live",
        ("health", "ready"): "ready",
    }
    kind = kinds.get(tuple(part for part in parts if part))
    if kind is not None:
        return Route(kind if method == "GET" else "wrong_method", oip)
    match parts:
        case ["repository", "index"] | ["repository", "models", _, "load" | "unload"]:
            return Route("control" if method == "POST" else "wrong_method", oip)
        case ["models", model, "versions", version, *rest]:
            return _oip_model(method, model, version, rest)
        case ["models", model, *rest]:
            return _oip_model(method, model, "", rest)
    return Route("none", oip)


def _oip_model(method: str, model: str, version: str, rest: list[str]) -> Route:
    kinds: dict[tuple[str, ...], tuple[str, Kind]] = {
        ("infer",): ("POST", "infer"),
        ("ready",): ("GET", "model_ready"),
        (): ("GET", "control"),
    }
    if tuple(rest) not in kinds:
        return Route("none", Protocol.OIP)
    wanted, kind = kinds[tuple(rest)]
    return Route(kind if method == wanted else "wrong_method", Protocol.OIP, model, version)
