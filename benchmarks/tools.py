"""Programs that benchmarks run: found or named in one clear error, on a core of their own, always ended."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["await_listening", "find_tool", "free_port", "pinned", "require", "run_pinned", "running"]

_PACKAGES = {"nginx": "nginx-light", "setpriv": "util-linux", "taskset": "util-linux"}
"""The Debian package of a program where it is named otherwise."""
_START_SECONDS = 10.0
_END_SECONDS = 10.0


def find_tool(name: str) -> str:
    """The path of a program.

    :raises SystemExit: if it is not installed
    """
    require(name)
    return _path(name) or name


def require(*names: str) -> None:
    """See to it that all these programs are there, before anything is started.

    :raises SystemExit: with the Debian packages of those that are missing
    """
    if missing := [name for name in names if _path(name) is None]:
        packages = " ".join(dict.fromkeys(_PACKAGES.get(name, name) for name in missing))
        verb = "is" if len(missing) == 1 else "are"
        raise SystemExit(f"{', '.join(missing)} {verb} not installed (Debian: apt-get install {packages})")


def _path(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def free_port() -> int:
    """A loopback port that nothing listens on just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def pinned(command: list[str], core: int) -> list[str]:
    """The command, to run on this core alone, and to be killed when the thread that started it ends."""
    lifeline = [find_tool("setpriv"), "--pdeathsig", "KILL"]
    return [*lifeline, find_tool("taskset"), "-c", str(core), *command]


@contextmanager
def running(command: list[str], core: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program on this core for as long as the context lasts."""
    process = subprocess.Popen(pinned(command, core))
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_listening(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until this program that was just started takes connections.

    :raises SystemExit: if it ends before, or takes more than ten seconds
    """
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with code {process.returncode} before it listened")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1.0):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"{process.args!r} does not listen on port {port}") from None
            time.sleep(0.02)


def run_pinned(command: list[str], seconds: float, core: int) -> str:
    """What a program prints that should take about this many seconds, run to its end on this core.

    :raises subprocess.SubprocessError: if it fails, or takes half a minute longer
    """
    done = subprocess.run(
        pinned(command, core), capture_output=True, text=True, timeout=seconds + 30.0, check=True
    )
    return done.stdout
