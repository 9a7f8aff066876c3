"""The worker's way out: frames as JSON lines on a pipe, without ever waiting for whoever reads them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any, cast

__all__ = ["FrameWriter"]


class FrameWriter(asyncio.BaseProtocol):
    """Writes one JSON object a line to stdout, from a running event loop.

    While the reader is behind, ``blocked`` is true: what is not urgent is then better added to a
    later frame than piled up here.
    """

    def __init__(self) -> None:
        self.blocked = False
        self._gone = asyncio.Event()
        self._transport: asyncio.WriteTransport | None = None

    async def open(self) -> None:
        """Take stdout over.

        :raises ValueError: if it is not a pipe, a socket or a terminal
        """
        await asyncio.get_running_loop().connect_write_pipe(lambda: self, sys.stdout)

    def write(self, kind: str, **values: object) -> None:
        """Queue one frame, stamped with the monotonic clock."""
        line = _encode({"kind": kind, "at": time.monotonic(), **values})
        if self._transport is None:
            os.write(1, line)
        else:
            self._transport.write(line)

    async def close(self) -> None:
        """Return when all that was queued has been read, or the reader is gone."""
        if self._transport is not None:
            self._transport.close()
            await self._gone.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the event loop: at the end, or because nobody reads any more."""
        self._gone.set()
        if error is not None:
            os._exit(1)  # whom this was for is gone, and so is the reason to send requests

    def pause_writing(self) -> None:
        """Called by the event loop."""
        self.blocked = True

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self.blocked = False


def _encode(frame: dict[str, Any]) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode() + b"\n"
