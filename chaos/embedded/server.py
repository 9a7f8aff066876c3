"""The manager process: brings the platform up, says that it is ready, and takes it down again in order."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aiohttp import web

from chaos.embedded.api.oip import OipControl
from chaos.embedded.api.torchserve import ManagementApi
from chaos.embedded.defects import Defect
from chaos.embedded.forks import Forks
from chaos.embedded.hub import ProxyHub
from chaos.embedded.manager import Manager
from chaos.embedded.store import Store
from chaos.errors import ChaosError

__all__ = ["PlatformSettings", "run_platform"]

HOST = "127.0.0.1"
STARTUP_SECONDS = 20.0
STOP_SECONDS = 3.0
WORKER_LIMIT = 64
"""How many workers this node may have in all."""

MEMORY = 512 << 20
"""What a replica may take over its base, in bytes."""


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """What the command line says; port 0 is any free one."""

    inference: int = 0
    management: int = 0
    metrics: int = 0
    defects: frozenset[Defect] = frozenset()
    models: tuple[Path, ...] = ()


def run_platform(settings: PlatformSettings, log: IO[bytes]) -> None:
    """Run until end of file on stdin, or SIGTERM. Prints the one ready line on stdout.

    :raises ChaosError: if it cannot start; the message is one sentence with the remedy
    """
    with ExitStack() as stack:
        sockets = {
            name: stack.enter_context(_listen(name, port))
            for name, port in (
                ("inference", settings.inference),
                ("management", settings.management),
                ("metrics", settings.metrics),
            )
        }
        asyncio.run(_serve(settings, sockets, log))


def _listen(name: str, port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ChaosError(
            f"the {name} port {port} on {HOST} cannot be opened: {getattr(error, 'strerror', None) or error} "
            f"(stop what uses it, or choose another with --{name})"
        ) from None
    return listener


async def _serve(settings: PlatformSettings, sockets: dict[str, socket.socket], log: IO[bytes]) -> None:
    stopping = _stop_signals()
    token = secrets.token_hex(16)
    try:
        async with asyncio.TaskGroup() as tasks:
            manager = Manager(WORKER_LIMIT, tasks)
            forks = Forks(token, MEMORY, log)
            descriptors = (sockets["inference"].fileno(), sockets["metrics"].fileno())
            proxy_settings = {
                "token": token,
                "defects": sorted(settings.defects),
                "inference": descriptors[0],
                "metrics": descriptors[1],
            }
            hub = ProxyHub(manager.snapshot, manager.stuck, proxy_settings, descriptors, log)
            manager.attach(forks, hub)
            store = Store(settings.models)
            hub.control = OipControl(manager, store)
            tasks.create_task(hub.run())
            tasks.create_task(forks.run())
            runner = web.AppRunner(
                ManagementApi(manager, store, hub).application(),
                access_log=None,
                shutdown_timeout=STOP_SECONDS,
            )
            await runner.setup()
            try:
                await web.SockSite(runner, sockets["management"]).start()
                await _started(hub, forks)
                _say_ready(sockets, hub.pid, forks.pid)
                await stopping.wait()
                await manager.stop(STOP_SECONDS)
                await hub.stop()
            finally:
                await runner.cleanup()
            raise _Stopped
    except* _Stopped:
        pass


class _Stopped(Exception):  # noqa: N818
    """Ends the task group, and with it every process."""


async def _started(hub: ProxyHub, forks: Forks) -> None:
    try:
        async with asyncio.timeout(STARTUP_SECONDS):
            await forks.up.wait()
        if await hub.settled(hub.publish(), STARTUP_SECONDS):
            return
    except TimeoutError:
        pass
    raise ChaosError(
        f"the platform's own processes did not start within {STARTUP_SECONDS:.0f} s (see its log, with --log FILE)"
    )


def _say_ready(sockets: dict[str, socket.socket], proxy: int, forkserver: int) -> None:
    ports = {name: listener.getsockname()[1] for name, listener in sockets.items()}
    line = {"ready": True, "pid": os.getpid(), "proxy": proxy, "forkserver": forkserver, **ports}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _stop_signals() -> asyncio.Event:
    """Set at SIGTERM, and at end of file on stdin: whoever started the platform is gone, however it went."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
    return stopping
