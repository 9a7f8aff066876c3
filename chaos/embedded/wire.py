"""Frames between the proxy and a replica: a small JSON header, then a body of a length that is told ahead.

A body is never held whole by who passes it on: the reader hands out its pieces as they come. A frame is
``>I`` header length, ``>Q`` body length, the header (UTF-8 JSON object), the body.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Protocol

__all__ = [
    "HEADER_LIMIT",
    "PREFIX",
    "FrameReader",
    "FrameSink",
    "WireError",
    "encode_head",
    "parse_header",
    "parse_prefix",
]

PREFIX = struct.Struct(">IQ")
HEADER_LIMIT = 64 * 1024


class WireError(Exception):
    """The peer does not speak this protocol; the link must be cut."""


class FrameSink(Protocol):
    """Who takes a frame, piece by piece."""

    def frame_head(self, header: dict[str, Any], length: int) -> None:
        """A frame begins; ``length`` bytes of body follow."""

    def frame_body(self, chunk: bytes) -> None:
        """A piece of the body, never empty."""

    def frame_end(self) -> None:
        """The frame is complete."""


def encode_head(header: dict[str, Any], length: int) -> bytes:
    """All of a frame but its body of ``length`` bytes."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return PREFIX.pack(len(text), length) + text


def parse_prefix(prefix: bytes) -> tuple[int, int]:
    """Header length and body length.

    :raises WireError: if the header would be larger than :data:`HEADER_LIMIT`
    """
    header, body = PREFIX.unpack(prefix)
    if header > HEADER_LIMIT:
        raise WireError(f"a header of {header} bytes is more than the {HEADER_LIMIT} allowed")
    return header, body


def parse_header(text: bytes) -> dict[str, Any]:
    """A frame's header.

    :raises WireError: if it is not a JSON object
    """
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"a header that is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise WireError(f"a header that is a {type(header).__name__}, not an object")
    return header


class FrameReader:
    """Takes bytes as they come from a socket and tells a sink what frames they hold."""

    __slots__ = ("_buffer", "_remaining", "_sink")

    def __init__(self, sink: FrameSink) -> None:
        self._sink = sink
        self._buffer = b""
        self._remaining = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes, of any length.

        :raises WireError: if they are no frames
        """
        if self._remaining == 0 and self._buffer:
            data = self._buffer + data  # an unfinished head: at most HEADER_LIMIT and a few bytes
            self._buffer = b""
        elif 0 < len(data) < self._remaining:
            self._remaining -= len(data)
            self._sink.frame_body(data)  # the usual case of a large body: passed on without a copy
            return
        place = 0
        while True:
            if self._remaining:
                chunk = data[place : place + self._remaining]
                if not chunk:
                    return
                place += len(chunk)
                self._remaining -= len(chunk)
                self._sink.frame_body(chunk)
                if self._remaining == 0:
                    self._sink.frame_end()
                continue
            start = place + PREFIX.size
            if len(data) < start:
                break
            header_length, body_length = parse_prefix(data[place:start])
            if len(data) < start + header_length:
                break
            place = start + header_length
            self._remaining = body_length
            self._sink.frame_head(parse_header(data[start:place]), body_length)
            if body_length == 0:
                self._sink.frame_end()
        self._buffer = data[place:]
