"""How a process of ours says how its start went: in the first line of its standard output, a JSON object."""

from __future__ import annotations

from contextlib import suppress

import anyio
from anyio.abc import Process

__all__ = ["first_line"]

LINE_BYTES = 65536


async def first_line(process: Process) -> bytes:
    """The first line of its standard output, or all of it if it ends before. The caller sets the deadline."""
    received = b""
    assert process.stdout is not None, "it was started with a pipe"  # noqa: S101
    with suppress(anyio.EndOfStream):
        while b"\n" not in received and len(received) < LINE_BYTES:
            received += await process.stdout.receive()
    return received.partition(b"\n")[0]
