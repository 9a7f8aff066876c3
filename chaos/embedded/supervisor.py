"""The supervisor: holds the platform's listening sockets, and starts its manager again when that dies.

The ports stay the same, and connection attempts queue while there is no manager. The supervisor is small and does
nothing else. When it dies the kernel ends the manager, and with it all the rest; when it is told to stop (end of file
on stdin, SIGTERM) it has the manager stop in order, and clears what the platform leaves.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from typing import Any, Literal

from chaos.embedded.backoff import HEALTHY_SECONDS, backoff
from chaos.embedded.settings import HOST, PlatformSettings
from chaos.errors import ChaosError

__all__ = ["listen", "supervise"]

STOP_SECONDS = 8.0
"""How long the manager may take to stop; it gives the requests in flight less than that."""

_Event = Literal["stop", "line", "gone", "late"]


def listen(name: str, port: int) -> socket.socket:
    """A listening socket on a port of loopback, any free one if 0.

    :raises ChaosError: if it cannot be had
    """
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


def supervise(settings: PlatformSettings, told: dict[str, Any]) -> None:
    """Keep a manager running until told to stop. Prints the one ready line on stdout when the first is ready.

    :param told: more for the ready line
    :raises ChaosError: if the first manager cannot start; the message is one sentence with the remedy
    """
    with closing(_Ears()) as ears:
        failures = 0
        ready = False
        while True:
            born = time.monotonic()
            manager = _start(settings)
            try:
                line, event = ears.first_line(manager)
                if event != "stop" and not ready:
                    _tell(line, {**told, "manager": manager.pid})
                    ready = True
                if event == "line":
                    event = ears.until(None)
                if event == "stop":
                    _stop(manager)
                    return
            finally:
                ears.deaf()
                _end(manager)
            failures = 0 if time.monotonic() - born > HEALTHY_SECONDS else failures + 1
            if ears.until(backoff(failures)) == "stop":
                return


def _start(settings: PlatformSettings) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "chaos.embedded.server", str(os.getpid()), settings.to_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=tuple(settings.descriptors.values()),
    )


def _tell(line: bytes, told: dict[str, Any]) -> None:
    try:
        said = json.loads(line)
    except ValueError:
        raise ChaosError(
            "the platform's manager did not start (see the platform's log, with --log FILE)"
        ) from None
    if "error" in said:
        raise ChaosError(said["error"])
    sys.stdout.write(json.dumps({**said, **told}) + "\n")
    sys.stdout.flush()


def _stop(manager: subprocess.Popen[bytes]) -> None:
    assert manager.stdin is not None, "it was started with a pipe"  # noqa: S101
    manager.stdin.close()
    try:
        manager.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"the manager did not stop within {STOP_SECONDS:g} s and is killed\n")


def _end(manager: subprocess.Popen[bytes]) -> None:
    if manager.poll() is None:
        manager.kill()
        manager.wait()
    for stream in (manager.stdin, manager.stdout):
        if stream is not None:
            stream.close()


class _Ears:
    """What the supervisor waits for: being told to stop, the manager's one line, the manager's end.

    A stop, once heard, is heard by all that listen after.
    """

    def __init__(self) -> None:
        self._stopped = False
        self._manager: int | None = None
        self._line = b""
        with ExitStack() as stack:
            self._selector = stack.enter_context(selectors.DefaultSelector())
            self._wake, wake = os.pipe()
            stack.callback(os.close, self._wake)
            stack.callback(os.close, wake)
            os.set_blocking(wake, False)
            signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
            stack.callback(signal.set_wakeup_fd, -1)
            signal.signal(signal.SIGTERM, lambda *_: None)  # the byte in the pipe is what is heard
            for descriptor in (0, self._wake):
                try:
                    self._selector.register(descriptor, selectors.EVENT_READ)
                except PermissionError:  # a file, or /dev/null: at its end from the start
                    self._stopped = True
            self._closing = stack.pop_all()

    def close(self) -> None:
        """Let go of everything."""
        self._closing.close()

    def first_line(self, manager: subprocess.Popen[bytes]) -> tuple[bytes, _Event]:
        """Listen to a manager until it has said its line; what it has said, and what was heard last."""
        assert manager.stdout is not None, "it was started with a pipe"  # noqa: S101
        self._manager, self._line = manager.stdout.fileno(), b""
        self._selector.register(self._manager, selectors.EVENT_READ)
        event = self.until(None)
        return self._line, event

    def deaf(self) -> None:
        """Listen to the manager no more."""
        if self._manager is not None:
            self._selector.unregister(self._manager)
            self._manager = None

    def until(self, seconds: float | None) -> _Event:
        """Wait for the next event, ``late`` after so many seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self._stopped:
            left = None if end is None else max(0.0, end - time.monotonic())
            heard = self._selector.select(left)
            if not heard and end is not None and time.monotonic() >= end:
                return "late"
            for key, _ in heard:
                data = os.read(key.fd, 4096)
                if key.fd == self._manager:
                    self._line += data
                    if not data:
                        return "gone"
                    if data.endswith(b"\n"):
                        return "line"
                elif key.fd == self._wake or not data:
                    self._stopped = True
        return "stop"
