"""Single requests whose answers are read: for what a traffic worker does not keep, such as who answered.

They are sent from the harness's own process, so their times are no measurements of a latency (D3); that they were
answered, and how, is evidence all the same.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp
import anyio

from chaos.errors import TargetError
from chaos.targets.http import Answer
from chaos.traffic.spec import NONCE, HttpRequest

__all__ = ["Asked", "Asker", "ask", "asking"]

_PID = re.compile(rb'\\*"pid\\*"\s*:\s*(\d+)')


@dataclass(slots=True)
class Asked:
    """One request. ``sent`` is set, with the instant ``at`` (monotonic clock), when all of it is on the wire.

    ``status`` is 0 if no whole answer came; ``problem`` says why: ``cut``, ``no answer``, or ``not sent``; or, of an
    answer that is another request's, ``wrong``. ``pid`` is the process that the answer, ``body``, names, if it does.
    """

    sent: anyio.Event = field(default_factory=anyio.Event)
    at: float | None = None
    ended: float | None = None
    status: int = 0
    problem: str = "no answer"
    pid: int | None = None
    body: bytes = b""

    def values(self) -> dict[str, Any]:
        """For a note."""
        told = {"sent": self.at, "ended": self.ended, "status": self.status}
        return {**told, "problem": self.problem, "pid": self.pid}


class Asker:
    """Sends requests, each on a connection of its own; nothing is retried."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, request: HttpRequest, asked: Asked, seconds: float) -> None:
        """Send a request and fill in what comes of it; an error of the wire is a result, no exception."""
        nonce = secrets.token_hex(8)
        try:
            with anyio.move_on_after(seconds):
                async with self._session.request(
                    request.method,
                    request.url,
                    data=request.body.replace(NONCE.encode(), nonce.encode()) or None,
                    headers={name: value.replace(NONCE, nonce) for name, value in request.headers},
                    ssl=request.verify_tls,
                    allow_redirects=False,
                    trace_request_ctx=asked,
                ) as response:
                    asked.body = await response.read()
                found = _PID.search(asked.body)
                asked.status, asked.pid = response.status, int(found[1]) if found else None
                strange = response.ok and NONCE.encode() in request.body and nonce.encode() not in asked.body
                asked.problem = "wrong" if strange else ""
        except (aiohttp.ClientError, OSError):
            asked.problem = "not sent" if asked.at is None else "cut"
        finally:
            asked.ended = time.monotonic()
            asked.sent.set()


@asynccontextmanager
async def asking() -> AsyncIterator[Asker]:
    """An asker while the block runs."""
    traces = aiohttp.TraceConfig()
    traces.on_request_headers_sent.append(_on_the_wire)
    traces.on_request_chunk_sent.append(_on_the_wire)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=0),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[traces],
    ) as session:
        yield Asker(session)


async def ask(request: HttpRequest, seconds: float) -> Answer:
    """The answer to one request, whatever its status.

    :raises TargetError: if there is none in time
    """
    asked = Asked()
    async with asking() as asker:
        await asker.ask(request, asked, seconds)
    if not asked.status:
        raise TargetError(f"{request.method} {request.url}: {asked.problem} (is the server there?)")
    return Answer(request.method, request.url, asked.status, asked.body)


async def _on_the_wire(_: aiohttp.ClientSession, context: SimpleNamespace, told: object) -> None:
    """The head comes first, a body after it: the last of them says when it was sent."""
    asked: Asked = context.trace_request_ctx
    asked.at = time.monotonic()
    if isinstance(told, aiohttp.TraceRequestChunkSentParams):
        asked.sent.set()
