"""What a defective control plane does besides answering: it keeps something of what it did, or waits for it."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import IO

from aiohttp import web
from aiohttp.typedefs import Middleware

from chaos.embedded.defects import Defect

__all__ = ["WEARS", "wear"]

WEARS = frozenset(
    {
        Defect.STORE_READ_AGAIN,
        Defect.DESCRIBE_LEAKS_DESCRIPTOR,
        Defect.ANSWERS_KEPT,
        Defect.LIST_SLOWS_DOWN,
        Defect.REGISTRATIONS_REMEMBERED,
    }
)
"""The defects that are found here."""

READ_SECONDS = 0.3
CHECK_SECONDS = 0.01
SCAN_SECONDS = 5e-6
LEAKS_EVERY = 8
KEPT_BYTES = 4096

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def wear(defects: frozenset[Defect]) -> Middleware:
    """A middleware with these defects, and a memory of its own."""
    done: Counter[str] = Counter()
    kept: list[bytearray] = []
    opened: list[IO[bytes]] = []

    @web.middleware
    async def worn(request: web.Request, handler: _Handler) -> web.StreamResponse:
        operation = f"{request.method} {'model' if 'name' in request.match_info else request.path}"
        done[operation] += 1
        times = done[operation]
        if operation == "POST /models":
            if Defect.STORE_READ_AGAIN in defects and times % 2 == 0:
                await asyncio.sleep(READ_SECONDS)
            if Defect.REGISTRATIONS_REMEMBERED in defects:
                await asyncio.sleep(CHECK_SECONDS * times)
        if operation == "GET /models" and Defect.LIST_SLOWS_DOWN in defects:
            await asyncio.sleep(SCAN_SECONDS * times)
        if (
            operation == "GET model"
            and Defect.DESCRIBE_LEAKS_DESCRIPTOR in defects
            and times % LEAKS_EVERY == 0
        ):
            opened.append(open(os.devnull, "rb", buffering=0))  # noqa: ASYNC230, SIM115 - that is the defect
        if Defect.ANSWERS_KEPT in defects:
            kept.append(bytearray(b"*") * KEPT_BYTES)
        return await handler(request)

    return worn
