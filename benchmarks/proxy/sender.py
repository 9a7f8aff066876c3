"""``python -m benchmarks.proxy.sender BYTES``: sends so many bytes to whoever connects, and closes.

Prints its port as its only line, and ends at end of file on stdin. The bytes come from a file in memory by
``sendfile``, so that sending costs far less than relaying.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import threading

__all__ = ["BLOCK", "block"]

BLOCK = 16 * 2**20
"""After so many bytes the content begins anew."""


def block() -> bytes:
    """The content: pseudo-random, the same each time."""
    return random.Random(1).randbytes(BLOCK)


def _send(connection: socket.socket, file: int, size: int) -> None:
    sent = 0
    try:
        while sent < size:
            at = sent % BLOCK
            sent += os.sendfile(connection.fileno(), file, at, min(BLOCK - at, size - sent))
    except OSError:  # the other side had enough
        return
    finally:
        connection.close()


def _serve(listener: socket.socket, size: int) -> None:
    file = os.memfd_create("content")
    os.truncate(file, 0)
    with os.fdopen(file, "wb", closefd=False) as content:
        content.write(block())
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_send, args=(connection, file, size), daemon=True).start()


def main() -> None:
    """Serve until nobody holds the other end of stdin any more."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=_serve, args=(listener, int(sys.argv[1])), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
