"""The record of what handlers were given, so that a request which was executed twice can be seen."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

__all__ = ["ExecutionLog"]

_NONCE = re.compile(rb'"nonce"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?[0-9][0-9.eE+-]*))')


class ExecutionLog:
    """Appends a line ``monotonic model pid nonce`` for each request whose JSON has a key ``nonce``.

    One write a line to a file opened for appending, so that many replicas share it. The body is searched, not
    parsed: a few microseconds, also for one that is not JSON at all. The nonce stands last, as its JSON text.

    :raises OSError: if the file cannot be opened
    """

    def __init__(self, path: Path, model: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._middle = f" {model} {os.getpid()} ".encode()

    def note(self, body: bytes) -> None:
        """A handler is about to be given this body."""
        found = _NONCE.search(body)
        if found is not None:
            nonce = found[1] if found[1] is not None else found[2]
            os.write(self._file, b"%.6f%s%s\n" % (time.monotonic(), self._middle, nonce))
