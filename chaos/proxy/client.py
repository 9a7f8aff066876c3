"""A client of Toxiproxy's HTTP API, for our own fault proxy and for a real Toxiproxy alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from chaos.errors import ChaosError

__all__ = ["ProxyClient", "ProxyError", "ProxyGoneError", "ProxyState", "ToxicSpec"]

SECONDS = 5.0
"""How long one call may take."""


class ProxyError(ChaosError):
    """The fault proxy answered with an error, or not as Toxiproxy does."""


class ProxyGoneError(ProxyError):
    """The fault proxy's API cannot be reached."""


@dataclass(frozen=True, slots=True)
class ToxicSpec:
    """A toxic as the API has it.

    ``stream`` is ``downstream`` (to the client) or ``upstream``; ``toxicity`` the share of connections it hits;
    ``connections`` (ours only) ``all``, ``new`` or ``live`` ones.
    """

    name: str
    type: str
    stream: str = "downstream"
    toxicity: float = 1.0
    attributes: Mapping[str, Any] | None = None
    connections: str = "all"


@dataclass(frozen=True, slots=True)
class ProxyState:
    """A proxy as the API has it. ``listen`` and ``upstream`` are ``host:port``."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[ToxicSpec, ...] = ()


class ProxyClient:
    """Speaks to the API at ``host:port``. Use as an async context.

    Each method raises :class:`ProxyGoneError` if nobody answers, and :class:`ProxyError` if the answer is an error.
    """

    def __init__(self, address: str) -> None:
        self.address = address.removeprefix("http://").rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> ProxyClient:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS))
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def version(self) -> str:
        """What it says it is."""
        answer = await self._call("GET", "/version")
        return str(answer.get("version", "")) if isinstance(answer, dict) else str(answer)

    async def proxies(self) -> dict[str, ProxyState]:
        """All proxies by name."""
        answer = await self._call("GET", "/proxies")
        if not isinstance(answer, dict):
            raise ProxyError(
                f"fault proxy at {self.address}: /proxies is no object (is this Toxiproxy's API?)"
            )
        return {str(name): _state(entry) for name, entry in answer.items()}

    async def create(self, name: str, listen: str, upstream: str) -> ProxyState:
        """Make a proxy; ``listen`` with port 0 takes a free one, which the answer names."""
        body = {"name": name, "listen": listen, "upstream": upstream, "enabled": True}
        return _state(await self._call("POST", "/proxies", body))

    async def delete(self, name: str) -> None:
        """Take a proxy away, with its connections; that it is gone is no error."""
        await self._call("DELETE", f"/proxies/{name}", gone_is_fine=True)

    async def set_enabled(self, name: str, enabled: bool) -> None:
        """Take a proxy down, connections and all, or have it listen again."""
        await self._call("POST", f"/proxies/{name}", {"enabled": enabled})

    async def add_toxic(self, proxy: str, toxic: ToxicSpec) -> None:
        """Make a proxy's connections misbehave."""
        body = {
            "name": toxic.name,
            "type": toxic.type,
            "stream": toxic.stream,
            "toxicity": toxic.toxicity,
            "attributes": dict(toxic.attributes or {}),
        }
        if toxic.connections != "all":
            body["connections"] = toxic.connections
        await self._call("POST", f"/proxies/{proxy}/toxics", body)

    async def remove_toxic(self, proxy: str, toxic: str) -> None:
        """Take a toxic away; that it, or its proxy, is gone is no error."""
        await self._call("DELETE", f"/proxies/{proxy}/toxics/{toxic}", gone_is_fine=True)

    async def reset(self) -> None:
        """Enable all proxies and take all toxics away."""
        await self._call("POST", "/reset")

    async def _call(self, method: str, path: str, body: object = None, gone_is_fine: bool = False) -> Any:
        if self._session is None:
            raise RuntimeError("the client works only within its context (async with ProxyClient(address))")
        try:
            async with self._session.request(method, f"http://{self.address}{path}", json=body) as answer:
                text = await answer.text()
                if answer.status == 404 and gone_is_fine:
                    return None
                if answer.status >= 300:
                    raise ProxyError(
                        f"fault proxy at {self.address}: {method} {path}: {answer.status} {text.strip()}"
                    )
                return await answer.json(content_type=None) if text.strip().startswith("{") else text
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            what = str(error) or type(error).__name__
            raise ProxyGoneError(f"fault proxy at {self.address} cannot be reached: {what}") from error
        except ValueError as error:
            raise ProxyError(f"fault proxy at {self.address}: {method} {path}: not JSON: {error}") from error


def _state(entry: Any) -> ProxyState:
    try:
        return ProxyState(
            name=str(entry["name"]),
            listen=str(entry["listen"]),
            upstream=str(entry["upstream"]),
            enabled=bool(entry["enabled"]),
            toxics=tuple(_toxic(toxic) for toxic in entry.get("toxics") or ()),
        )
    except (KeyError, TypeError) as error:
        raise ProxyError(f"not a proxy as Toxiproxy describes one: {error!r}") from None


def _toxic(entry: Any) -> ToxicSpec:
    return ToxicSpec(
        name=str(entry["name"]),
        type=str(entry["type"]),
        stream=str(entry["stream"]),
        toxicity=float(entry["toxicity"]),
        attributes=dict(entry["attributes"]),
        connections=str(entry.get("connections", "all")),
    )
