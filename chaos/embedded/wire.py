"""Frames between the proxy and a replica: a small JSON header, then a body of a length that is told ahead, or a stream.

A body is never held whole by who passes it on: the reader hands out its pieces as they come. All begins with
a prefix, ``>I`` header length and ``>Q`` body length:

- a frame: the prefix, the header (UTF-8 JSON object), the body
- a stream: such a frame with the body length :data:`STREAM`; then chunks, each the prefix with header length 0, the
  chunk's length, its bytes; an empty chunk ends it
- a :class:`Signal`: the prefix alone; between frames and between the chunks of a stream
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from typing import Any, Protocol

__all__ = [
    "HEADER_LIMIT",
    "PREFIX",
    "STREAM",
    "FrameReader",
    "FrameSink",
    "Signal",
    "WireError",
    "encode_chunk",
    "encode_head",
    "parse_header",
    "parse_prefix",
]

PREFIX = struct.Struct(">IQ")
HEADER_LIMIT = 64 * 1024
STREAM = 2**64 - 1
"""The body length of a frame whose body comes in chunks, nobody knows how many."""


class Signal(IntEnum):
    """What is said without a header: its value stands in place of the header's length."""

    BEAT = 0xFFFFFF01
    """Are you there? The replica says it back, however busy its handler is, and by itself while a long body comes."""

    IDLE = 0xFFFFFF02
    """The replica, which was busy when the link was made, is free now."""

    BROKEN = 0xFFFFFF03
    """The stream cannot be completed."""

    @property
    def frame(self) -> bytes:
        """The signal as bytes."""
        return PREFIX.pack(self.value, 0)


_SIGNALS = {signal.value: signal for signal in Signal}


class WireError(Exception):
    """The peer does not speak this protocol; the link must be cut."""


class FrameSink(Protocol):
    """Who takes a frame, piece by piece."""

    def frame_head(self, header: dict[str, Any], length: int) -> None:
        """A frame begins; ``length`` bytes of body follow, or chunks if it is :data:`STREAM`."""

    def frame_body(self, chunk: bytes) -> None:
        """A piece of the body, never empty."""

    def frame_end(self) -> None:
        """The frame is complete."""

    def frame_signal(self, signal: Signal) -> None:
        """A signal; after :attr:`Signal.BROKEN` the stream does not end any more."""


def encode_head(header: dict[str, Any], length: int) -> bytes:
    """All of a frame but its body of ``length`` bytes (:data:`STREAM`: chunks)."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return PREFIX.pack(len(text), length) + text


def encode_chunk(chunk: bytes) -> bytes:
    """One chunk of a stream; the empty one is its end."""
    return PREFIX.pack(0, len(chunk)) + chunk


def parse_prefix(prefix: bytes) -> tuple[int, int]:
    """Header length (0: a chunk; or a signal) and body length.

    :raises WireError: if the header would be larger than :data:`HEADER_LIMIT`
    """
    header, body = PREFIX.unpack(prefix)
    if header > HEADER_LIMIT and header not in _SIGNALS:
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

    __slots__ = ("_buffer", "_remaining", "_sink", "_streaming")

    def __init__(self, sink: FrameSink) -> None:
        self._sink = sink
        self._buffer = b""
        self._remaining = 0
        self._streaming = False

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
                if self._remaining == 0 and not self._streaming:
                    self._sink.frame_end()
                continue
            start = place + PREFIX.size
            if len(data) < start:
                break
            header_length, body_length = parse_prefix(data[place:start])
            if header_length in _SIGNALS or (header_length == 0 and self._streaming):
                place = start
                self._small(header_length, body_length)
                continue
            if len(data) < start + header_length:
                break
            if self._streaming:
                raise WireError("a frame begins within a stream")
            header = parse_header(data[start : start + header_length])
            place = start + header_length
            self._streaming = body_length == STREAM
            self._remaining = 0 if self._streaming else body_length
            self._sink.frame_head(header, body_length)
            if body_length == 0:
                self._sink.frame_end()
        self._buffer = data[place:]

    def _small(self, signal: int, length: int) -> None:
        """A signal, or the beginning of a chunk."""
        if signal:
            if length:
                raise WireError(f"a signal with a body of {length} bytes")
            if signal == Signal.BROKEN:
                self._streaming = False
            self._sink.frame_signal(_SIGNALS[signal])
        elif length == 0:
            self._streaming = False
            self._sink.frame_end()
        else:
            self._remaining = length
