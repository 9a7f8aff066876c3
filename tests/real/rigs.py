"""What the rigs of real servers share: an environment installed once, a server started, and nothing left of it.

A rig is a context manager that yields a target URL. Its server runs in a session of its own, by which all
its processes are found again at the end, whoever their parents are by then.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

import chaos.embedded
from chaos.targets.processes import alive, free_port, listeners, session_members

__all__ = [
    "BRIDGES",
    "MODELS",
    "PACKAGES",
    "RigError",
    "environment",
    "free_ports",
    "java",
    "running",
    "site_packages",
]

BRIDGES = Path(__file__).parent / "bridges"
PACKAGES = Path(chaos.embedded.__file__).parent / "packages"
MODELS = {
    "victim": "sleep",
    "hostile-occupy": "sleep",
    "hostile-burn": "burn",
    "hostile-crash": "crash",
    "hostile-huge": "huge",
}
"""The models of a server whose repository decides what a name stands for, and their handler packages."""

START_SECONDS = 90.0
STOP_SECONDS = 15.0
INSTALL_SECONDS = 600.0
TAIL = 2000


class RigError(Exception):
    """A real server could not be installed or started here."""


@contextmanager
def environment(cache: Path, name: str, requirements: Sequence[str], *options: str) -> Iterator[Path]:
    """The virtual environment ``cache/name/venv`` with these requirements, installed if it is not there.

    Others who want the same one wait meanwhile.

    :raises RigError: with what pip said
    """
    home = (cache / name).resolve()
    home.mkdir(parents=True, exist_ok=True)
    venv = home / "venv"
    wanted = hashlib.sha256("\n".join([sys.version, *requirements, *options]).encode()).hexdigest()
    stamp = venv / ".requirements"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text() != wanted:
            shutil.rmtree(venv, ignore_errors=True)
            _command([sys.executable, "-m", "venv", str(venv)], home / "install.log")
            pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
            _command([*pip, *options, *requirements], home / "install.log")
            stamp.write_text(wanted)
    yield venv


def site_packages(venv: Path) -> Path:
    """Where a virtual environment keeps its packages."""
    return next((venv / "lib").glob("python3.*")) / "site-packages"


def java() -> str:
    """The Java to run; installed from Debian where we may.

    :raises RigError: if there is none
    """
    if shutil.which("java") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for arguments in (
            ["update"],
            ["install", "-y", "--no-install-recommends", "openjdk-17-jre-headless"],
        ):
            subprocess.run(["apt-get", *arguments], check=False, capture_output=True, timeout=300)
    found = shutil.which("java")
    if found is None:
        raise RigError("this server needs Java 17 (install openjdk-17-jre-headless)")
    return found


def free_ports(count: int) -> list[int]:
    """Different TCP ports that are free now."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return sorted(ports)


@contextmanager
def running(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, ready: str, port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server, wait until ``ready`` (a URL) answers 200 from a process of its own, and stop all of it.

    :param port: the port in ``ready``
    :raises RigError: with the end of the log, if it does not become ready
    """
    with ExitStack() as stack:
        output = stack.enter_context(log.open("wb"))
        server = subprocess.Popen(
            command,
            env={**os.environ, **env},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        stack.callback(_stop, server)
        deadline = time.monotonic() + START_SECONDS
        while not _answers(ready):
            if server.poll() is not None or time.monotonic() > deadline:
                ended = f"ended with {server.returncode}" if server.poll() is not None else "is not ready"
                raise RigError(f"{command[0]} {ended}: {log.read_text(errors='replace')[-TAIL:]}")
            time.sleep(0.1)
        strangers = set(listeners(port)) - {process.pid for process in session_members(server.pid)}
        if strangers:
            raise RigError(f"port {port} belongs to somebody else as well: pids {sorted(strangers)}")
        yield server


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - a URL of ours
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, wait, then kill what is left of its session."""
    session = server.pid
    if server.poll() is None:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
    deadline = time.monotonic() + STOP_SECONDS
    while left := [process for process in session_members(session) if alive(process)]:
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        server.poll()
        if time.monotonic() > deadline:
            raise RigError(f"processes that do not die: {left}")
        time.sleep(0.05)
    server.wait(STOP_SECONDS)


def _die_with_parent() -> None:
    """In the child, on Linux: SIGTERM when the test run dies (prctl PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _command(command: Sequence[str], log: Path) -> None:
    with log.open("ab") as output:
        try:
            subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, check=True, timeout=INSTALL_SECONDS
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise RigError(f"{command[0]}: {error}: {log.read_text(errors='replace')[-TAIL:]}") from error
