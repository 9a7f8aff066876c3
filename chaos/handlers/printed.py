"""What a handler prints: read as it comes, so that it never waits for us, and kept up to a limit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

__all__ = ["Printed"]

CHUNK = 1 << 16


class Printed:
    """The reading end of the pipe that is a handler's standard output and standard error.

    :ivar leaked: the names of the secrets whose values were printed so far, beyond the limit as well
    """

    def __init__(self, descriptor: int, most: int, secrets: Mapping[str, str]) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.leaked: set[str] = set()
        self._most = most
        self._secrets = {name: value.encode() for name, value in secrets.items()}
        self._longest = max(map(len, self._secrets.values()), default=0)
        self._kept = bytearray()
        self._dropped = 0
        self._end = b""

    def read(self) -> bool:
        """Take what is there, at most one chunk; whether there was anything."""
        data = b""
        with suppress(BlockingIOError, InterruptedError):
            data = os.read(self.descriptor, CHUNK)
        kept = data[: max(0, self._most - len(self._kept))]
        self._kept += kept
        self._dropped += len(data) - len(kept)
        seen = self._end + data  # a value may come in two pieces
        self.leaked.update(name for name, value in self._secrets.items() if value in seen)
        self._end = seen[-self._longest :] if self._longest else b""
        return bool(data)

    def take(self, chunks: int = 64) -> str:
        """All that was printed since it was last taken. What is printed without end is not read to its end."""
        while chunks and self.read():
            chunks -= 1
        text = self._kept.decode(errors="replace")
        if self._dropped:
            text += f"… ({self._dropped} bytes more)"
        self._kept.clear()
        self._dropped = 0
        return text

    def close(self) -> None:
        """Close the pipe, after a last look at what is in it; whoever still prints gets an error."""
        self.take()
        os.close(self.descriptor)
