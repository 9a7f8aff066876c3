"""The error history on the management port: which replicas ended without being told to, and why. Not TorchServe's."""

from __future__ import annotations

from aiohttp import web

from chaos.embedded.error_history import ErrorHistory
from chaos.embedded.models import Refusal

__all__ = ["ErrorsApi"]

LIMIT = 100


class ErrorsApi:
    """``GET /errors?model=NAME&limit=N``, latest first, and ``DELETE /errors?model=NAME``; all models if none is named.

    A model that is gone, or never was, has a history all the same: what is left of it, or nothing.
    """

    def __init__(self, history: ErrorHistory) -> None:
        self._history = history

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Serve it."""
        router.add_get("/errors", self._list)
        router.add_delete("/errors", self._clear)

    async def _list(self, request: web.Request) -> web.Response:
        said = request.query.get("limit", str(LIMIT))
        if not (said.isascii() and said.isdecimal()):
            raise Refusal(400, "BadRequestException", f"limit {said}: must be a number of errors")
        entries = self._history.latest(request.query.get("model", ""), int(said))
        return web.json_response({"errors": entries})

    async def _clear(self, request: web.Request) -> web.Response:
        forgotten = self._history.clear(request.query.get("model", ""))
        return web.json_response({"status": f"Forgot {forgotten} errors"})
