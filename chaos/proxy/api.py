"""The HTTP API of Toxiproxy 2: proxies and their toxics, driven by Toxiproxy's own clients unchanged."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from chaos.proxy.link import Link, split_address
from chaos.proxy.toxics import ToxicError

__all__ = ["VERSION", "ProxyApi"]

VERSION = "2.9.0"
"""The version of Toxiproxy whose API this is."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ProxyApi:
    """All proxies of this process. Every call is answered in one turn of the loop: what it says holds at once."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.links: dict[str, Link] = {}

    def application(self) -> web.Application:
        """The server of the API."""
        application = web.Application(middlewares=[_errors])
        router = application.router
        router.add_get("/version", self._version)
        router.add_get("/proxies", self._list)
        router.add_post("/proxies", self._create)
        router.add_post("/populate", self._populate)
        router.add_post("/reset", self._reset)
        router.add_get("/proxies/{proxy}", self._show)
        router.add_delete("/proxies/{proxy}", self._delete)
        router.add_get("/proxies/{proxy}/toxics", self._toxics)
        router.add_post("/proxies/{proxy}/toxics", self._add)
        router.add_get("/proxies/{proxy}/toxics/{toxic}", self._show_toxic)
        router.add_delete("/proxies/{proxy}/toxics/{toxic}", self._remove)
        for method in ("POST", "PATCH"):
            router.add_route(method, "/proxies/{proxy}", self._change)
            router.add_route(method, "/proxies/{proxy}/toxics/{toxic}", self._update)
        return application

    def close(self) -> None:
        """Close every proxy with its connections."""
        for link in self.links.values():
            link.disable()

    def _link(self, request: web.Request) -> Link:
        name = request.match_info["proxy"]
        if name not in self.links:
            raise ToxicError("proxy not found", 404)
        return self.links[name]

    async def _version(self, _request: web.Request) -> web.Response:
        return web.json_response({"version": VERSION})

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({name: link.to_json() for name, link in self.links.items()})

    async def _create(self, request: web.Request) -> web.Response:
        return web.json_response(self._make(await _body(request)).to_json(), status=201)

    def _make(self, document: dict[str, Any]) -> Link:
        for field in ("name", "upstream"):
            if not document.get(field):
                raise ToxicError(f"missing required field: {field}")
        name = str(document["name"])
        if name in self.links:
            raise ToxicError("proxy already exists", 409)
        link = Link(name, str(document.get("listen") or "127.0.0.1:0"), str(document["upstream"]), self._seed)
        if _enabled(document, True):
            link.enable()
        self.links[name] = link
        return link

    async def _populate(self, request: web.Request) -> web.Response:
        documents = await _json(request)
        if not isinstance(documents, list) or not all(isinstance(entry, dict) for entry in documents):
            raise ToxicError("bad request body: a list of proxies")
        made = []
        for document in documents:
            old = self.links.get(str(document.get("name")))
            if old is not None:
                if (old.listen, old.upstream) == (document.get("listen"), document.get("upstream")):
                    made.append(old)
                    continue
                self.links.pop(old.name).disable()
            made.append(self._make(document))
        return web.json_response({"proxies": [link.to_json() for link in made]}, status=201)

    async def _reset(self, _request: web.Request) -> web.Response:
        for link in self.links.values():
            link.clear()
            link.enable()
        return web.Response(status=204)

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response(self._link(request).to_json())

    async def _change(self, request: web.Request) -> web.Response:
        document, link = await _body(request), self._link(request)
        enabled = _enabled(document, link.enabled)
        moved = document.get("listen", link.listen) != link.listen
        if moved or document.get("upstream", link.upstream) != link.upstream:
            split_address(str(document.get("listen", link.listen)))
            link.set_upstream(str(document.get("upstream", link.upstream)))
            link.disable()
            link.listen = str(document.get("listen", link.listen))
        link.enable() if enabled else link.disable()
        return web.json_response(link.to_json())

    async def _delete(self, request: web.Request) -> web.Response:
        self.links.pop(self._link(request).name).disable()
        return web.Response(status=204)

    async def _toxics(self, request: web.Request) -> web.Response:
        return web.json_response([toxic.to_json() for toxic in self._link(request).toxics.values()])

    async def _add(self, request: web.Request) -> web.Response:
        document = await _body(request)
        return web.json_response(self._link(request).add(document).to_json())

    async def _show_toxic(self, request: web.Request) -> web.Response:
        return web.json_response(self._link(request).toxic(request.match_info["toxic"]).to_json())

    async def _update(self, request: web.Request) -> web.Response:
        document = await _body(request)
        toxic = self._link(request).update(request.match_info["toxic"], document)
        return web.json_response(toxic.to_json())

    async def _remove(self, request: web.Request) -> web.Response:
        self._link(request).remove(request.match_info["toxic"])
        return web.Response(status=204)


async def _json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise ToxicError(f"bad request body: {error}") from None


async def _body(request: web.Request) -> dict[str, Any]:
    document = await _json(request)
    if not isinstance(document, dict):
        raise ToxicError("bad request body: not an object")
    return document


def _enabled(document: dict[str, Any], default: bool) -> bool:
    enabled = document.get("enabled", default)
    if not isinstance(enabled, bool):
        raise ToxicError("bad request body: enabled is true or false")
    return enabled


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors in Toxiproxy's shape; and no browsers, since a page in one may be anybody's."""
    try:
        if request.headers.get("User-Agent", "").startswith("Mozilla/"):
            raise ToxicError("user agent not allowed", 403)
        return await handler(request)
    except ToxicError as error:
        return web.json_response({"error": str(error), "status": error.status}, status=error.status)
    except web.HTTPException as error:
        return web.json_response({"error": error.reason.lower(), "status": error.status}, status=error.status)
