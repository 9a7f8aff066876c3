"""A handler package in a server of the shape of a SageMaker container: ``GET /ping``, ``POST /invocations``."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from chaos.embedded.answers import Protocol, error_body
from chaos.errors import ChaosError
from chaos.handlers.formats import JSON
from chaos.handlers.isolation import Run
from chaos.handlers.limits import Limits
from chaos.workbench.pool import Busy, Pool

__all__ = ["Served", "serve"]

RETRY_AFTER = {"Retry-After": "1"}
DRAIN_SECONDS = 25.0
"""How long the requests in flight may take when it is told to end: SageMaker kills a container after 30 s."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Served:
    """What is served, and where.

    :param directory: of the package
    :param port: 0 takes a free one
    :param workers: how many processes
    :param queue: how many requests may wait
    :param body: the largest request, in bytes; SageMaker passes on no larger one than 25 MiB
    """

    directory: Path
    limits: Limits
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    queue: int = 100
    body: int = 25 << 20


async def serve(served: Served, ready: Callable[[str], None], heard: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; then answer what is in flight, refuse what is new, and return.

    :param ready: told the address, once the package is loaded
    :param heard: told in a few words what became of a process
    :raises ChaosError: if the package does not load, or the port is taken
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, told.set)
    pool = Pool(served.directory, served.limits, served.workers, served.queue, heard)
    container = _Container(pool)
    runner = web.AppRunner(container.application(served.body), access_log=None, shutdown_timeout=1.0)
    try:
        await runner.setup()
        site = web.TCPSite(runner, served.host, served.port)
        try:
            await site.start()
        except OSError as error:
            place = f"{served.host}:{served.port}"
            raise ChaosError(
                f"{place} cannot be listened on: {error.strerror} (choose another --port)"
            ) from None
        starting, ending = asyncio.ensure_future(pool.start()), asyncio.ensure_future(told.wait())
        await asyncio.wait([starting, ending], return_when=asyncio.FIRST_COMPLETED)
        if not told.is_set():
            await starting
            ready(f"http://{served.host}:{runner.addresses[0][1]}")
            await ending
        starting.cancel()
        container.draining = True
        await site.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await container.idle.wait()
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        await pool.close()
        await runner.cleanup()


class _Container:
    """The application; ``idle`` is set while no request is in flight."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._open = 0
        self.draining = False
        self.idle = asyncio.Event()
        self.idle.set()

    def application(self, limit: int) -> web.Application:
        """A fresh one; a request body above ``limit`` bytes is refused."""
        application = web.Application(client_max_size=limit)
        application.router.add_get("/ping", self._ping)
        application.router.add_post("/invocations", self._invocations)
        return application

    async def _ping(self, _request: web.Request) -> web.Response:
        if self.draining or not self._pool.ready:
            return _refusal(503, "ServiceUnavailableException", "no model is loaded", RETRY_AFTER)
        return web.json_response({"status": "Healthy"})

    async def _invocations(self, request: web.Request) -> web.Response:
        if self.draining:
            response = _refusal(503, "ServiceUnavailableException", "the server is ending", RETRY_AFTER)
            response.force_close()
            return response
        self._open += 1
        self.idle.clear()
        try:
            return await self._answer(request)
        finally:
            self._open -= 1
            if not self._open:
                self.idle.set()

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            return _refusal(413, "RequestEntityTooLargeException", str(error.text))
        try:
            accept = request.headers.get("Accept", "")
            run = await self._pool.invoke(body, request.headers.get("Content-Type"), accept)
        except Busy as busy:
            return _refusal(503, "ServiceUnavailableException", str(busy), RETRY_AFTER)
        if run.outcome != "ok":
            return _failed(run)
        return web.Response(body=run.body, headers={"Content-Type": _printable(run.content_type) or JSON})


def _failed(run: Run) -> web.Response:
    """What a handler raised has its own status, or 500; a process that is gone is 500."""
    status = run.status if run.status is not None and 200 <= run.status < 600 else 500
    message = (
        f"{run.error_type}: {run.error}" if run.error_type else run.error or f"the handler: {run.outcome}"
    )
    return _refusal(status, "InternalServerException" if status >= 500 else "BadRequestException", message)


def _refusal(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body = error_body(Protocol.SAGEMAKER, status, kind, message)
    return web.Response(body=body, status=status, content_type=JSON, headers=headers)


def _printable(value: str) -> str:
    """A header's value from a handler, which must not be able to write headers of its own."""
    return "".join(character for character in value if character.isprintable())
