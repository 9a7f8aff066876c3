"""``python -m chaos.proxy``, or ``chaos proxy``: the fault proxy as a process. A JSON line on stdout says how."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

import uvloop
from aiohttp import web

from chaos.errors import ChaosError
from chaos.lifeline import die_with_parent, watch_pipe
from chaos.proxy.api import ProxyApi
from chaos.proxy.link import split_address

__all__ = ["main"]

DEFAULT_API = "127.0.0.1:8474"
"""Toxiproxy's."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ChaosError(f"{message} (see chaos proxy --help)")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="chaos proxy", description="A TCP fault proxy with Toxiproxy's HTTP API.", allow_abbrev=False
    )
    parser.add_argument(
        "--api", default=DEFAULT_API, metavar="HOST:PORT", help=f"where the API is served [{DEFAULT_API}]"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="decides which connections a toxicity below 1 hits"
    )
    parser.add_argument(
        "--lifeline", action="store_true", help="end with the parent, and at end of file on stdin"
    )
    return parser.parse_args(list(arguments))


def _listen(address: str) -> socket.socket:
    host, port = split_address(address)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ChaosError(
            f"the API cannot listen on {address}: {error.strerror} (stop what uses it, or choose another with --api)"
        ) from None
    return listener


async def _serve(listener: socket.socket, seed: int) -> None:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    api = ProxyApi(seed)
    runner = web.AppRunner(api.application(), access_log=None, shutdown_timeout=0.5, handle_signals=False)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        host, port = listener.getsockname()[:2]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        sys.stdout.write(json.dumps({"ready": True, "api": address, "seed": seed}) + "\n")
        sys.stdout.flush()
        gc.collect()
        gc.freeze()  # what lives from here on is few: collections stay short
        await stopping.wait()
    finally:
        api.close()
        await runner.cleanup()


def _descriptors() -> None:
    """As many as may be had: each connection takes two."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; the exit code."""
    try:
        options = _parse(arguments)
        if options.lifeline:
            die_with_parent()
            watch_pipe(0)
        _descriptors()
        uvloop.run(_serve(_listen(options.api), options.seed))
    except ChaosError as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
