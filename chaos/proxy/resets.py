"""What a reset asks of a socket: that its peer sees one, and not before what was sent to it has arrived."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import termios
from contextlib import suppress

__all__ = ["abort", "unsent"]

_NO_LINGER = struct.pack("ii", 1, 0)


def abort(end: socket.socket) -> None:
    """Close a socket so that its peer sees a reset."""
    with suppress(OSError):  # the peer was faster
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    end.close()


def unsent(end: socket.socket) -> int:
    """Bytes that the peer has not acknowledged; 0 of a socket that is closed."""
    try:
        return int.from_bytes(fcntl.ioctl(end, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0
