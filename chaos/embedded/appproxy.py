"""The AppProxy process: the data plane, under uvloop, apart from everything that decides.

Its listening sockets are the manager's, so that a new proxy takes over the same ports when one is killed and no
connection attempt is refused in between.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import sys
from typing import Any

import uvloop

from chaos.embedded.control_link import ControlLink
from chaos.embedded.defects import Defect, parse_defects
from chaos.embedded.front import Front
from chaos.embedded.http import Connection, ParkedConnection
from chaos.embedded.lateness import standing_still
from chaos.embedded.proxy import Proxy
from chaos.embedded.replica import BODY_LIMIT
from chaos.lifeline import die_with_parent, watch_pipe

__all__ = ["main"]

BACKLOG = 1024


async def serve(settings: dict[str, Any]) -> None:
    """Serve until told to stop, or killed.

    :param settings: ``inference`` and ``metrics`` (inherited descriptors), ``link`` (port), ``token``, ``defects``
    """
    loop = asyncio.get_running_loop()
    connections: set[Connection] = set()
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        defects = parse_defects(settings["defects"])
        proxy = Proxy(settings["token"], defects, tasks)
        link, token = settings["link"], settings["token"]
        proxy.control = ControlLink(
            link, token, proxy.apply, proxy.metrics.answered, proxy.queues, stopping.set
        )
        front = Front(proxy, tasks, defects)
        kind = ParkedConnection if Defect.CONNECTIONS_BEYOND_WAIT in defects else Connection
        tasks.create_task(proxy.control.keep())
        tasks.create_task(proxy.links.beat())
        if Defect.PROXY_PAUSES in defects:
            tasks.create_task(standing_still())
        await proxy.synchronised.wait()  # connections queue: until there is a table no model would be known
        servers = []
        for descriptor, handle in (
            (settings["inference"], front.inference),
            (settings["metrics"], front.metrics),
        ):
            listener = socket.socket(fileno=descriptor)
            listener.setblocking(False)
            server = await loop.create_server(
                lambda handle=handle: kind(handle, BODY_LIMIT, connections),  # type: ignore[misc]
                sock=listener,
                backlog=BACKLOG,
            )
            servers.append(server)
        await stopping.wait()
        for server in servers:
            server.close()
        while connections:  # the manager bounds this: it kills who does not end in time
            for connection in list(connections):
                if not connection.busy:
                    connection.close()
            await asyncio.sleep(0.005)
        os._exit(0)


def main() -> None:
    """Run as ``python -m chaos.embedded.appproxy PARENT_PID`` by the manager; settings come on stdin, one line."""
    die_with_parent(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = json.loads(_first_line())
    watch_pipe(0)
    gc.collect()
    gc.freeze()  # what lives from here on is few: collections stay short
    uvloop.run(serve(settings))


def _first_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)  # unbuffered: the rest of the pipe is the lifeline's
        if not byte:
            raise SystemExit(1)
        line += byte
    return line


if __name__ == "__main__":
    main()
