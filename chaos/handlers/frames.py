"""What goes between the harness and a handler's process: frames, over a connection that the handler shares with us.

A frame is a header, a JSON object, and a body of bytes. The header holds a token that only this process was given, the
number of the question, both lengths, and a checksum of the object: whatever else a handler writes to the connection is
no frame, and what it forked cannot answer a question again.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

__all__ = ["HEADER_BYTES", "MESSAGE_BYTES", "TOKEN_BYTES", "BrokenFrameError", "header", "packed", "parsed"]

TOKEN_BYTES = 8
_HEADER = struct.Struct(f"<{TOKEN_BYTES}sIIIQ")
HEADER_BYTES = _HEADER.size

MESSAGE_BYTES = 1 << 16
"""The longest message between the harness and the host, which have a connection of their own."""

OBJECT_BYTES = 1 << 20
"""The longest object: it holds words, which whoever writes them keeps short."""


class BrokenFrameError(ValueError):
    """What came is no frame, or not the one that was to come."""


def packed(token: bytes, number: int, message: dict[str, Any], body_bytes: int) -> bytes:
    """Header and object of a frame; a body of so many bytes is to follow."""
    text = json.dumps(message).encode()
    return _HEADER.pack(token, number, len(text), zlib.crc32(text), body_bytes) + text


def header(data: bytes | bytearray, token: bytes, number: int | None, most: int) -> tuple[int, int, int, int]:
    """Number, length of the object, its checksum, and length of the body.

    :param number: the question that is answered; None for any
    :param most: bytes that a body may have
    :raises BrokenFrameError: if it is not the header of such a frame
    """
    had, asked, size, checksum, body = _HEADER.unpack(data)
    if had != token or size > OBJECT_BYTES or body > most or (number is not None and asked != number):
        raise BrokenFrameError("it begins with no header of ours")
    return asked, size, checksum, body


def parsed(data: bytes | bytearray, checksum: int) -> dict[str, Any]:
    """The object of a frame.

    :raises BrokenFrameError: if it is not the one that was sent
    """
    if zlib.crc32(data) != checksum:
        raise BrokenFrameError("its checksum is another")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise BrokenFrameError("it is not JSON") from None
    if not isinstance(message, dict):
        raise BrokenFrameError("it is no object")
    return message
