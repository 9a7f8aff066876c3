"""A run's ledger and the warden beside it, as the session keeps them: nothing is touched that is not written down."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from chaos.faults.ledger import Ledger, LedgerError
from chaos.faults.warden import CHANGED, DONE

__all__ = ["Books"]

READY_SECONDS = 10.0
END_SECONDS = 10.0
WATCH_SECONDS = 0.2
WHO = "the session"
OWED_SECONDS = 7 * 86400.0
"""After so long what a run itself owes is undone even if the run seems to live."""


class Books:
    """The ledger of one run, under the eyes of a warden. Use as an async context; leaving it settles the ledger.

    :param problem: told of what a user must know, such as that the warden died
    """

    def __init__(self, run: str, target: str, directory: Path, problem: Callable[[str], None]) -> None:
        self._about = (run, target, directory)
        self._problem = problem
        self._owed = 0
        self._ledger: Ledger | None = None
        self._warden: subprocess.Popen[bytes] | None = None

    @property
    def warden(self) -> int:
        """The warden's process id, -1 if there is none."""
        return self._warden.pid if self._warden is not None else -1

    async def __aenter__(self) -> Books:
        """Make the ledger and start the warden.

        :raises LedgerError: if either cannot be; then nothing may be injected
        """
        self._ledger = Ledger.create(*self._about)
        try:
            await anyio.to_thread.run_sync(self._start)
        except BaseException:
            self._ledger.close()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Put the ledger away if nothing is owed, and let the warden go; else leave both as they are to be."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._end)

    async def watch(self) -> None:
        """Keep a warden there: one that is killed is replaced, and the run says so. Runs until cancelled."""
        while True:
            await anyio.sleep(WATCH_SECONDS)
            if self._warden is not None and self._warden.poll() is not None:
                killed = self.warden
                await anyio.to_thread.run_sync(self._start)
                self._problem(f"the warden (pid {killed}) was killed; another was started")

    def intend(
        self, lease: str, fault: str, by: str, touches: Sequence[str], undo: Mapping[str, Any], seconds: float
    ) -> None:
        """Write an intent, as :meth:`chaos.faults.ledger.Ledger.intend`."""
        self._opened.intend(lease, fault, by, touches, undo, seconds)
        self._tell(CHANGED)

    def owe(self, by: str, touches: Sequence[str], undo: Mapping[str, Any]) -> Callable[[], None]:
        """Write down what the run itself must undo; what it returns says that this was done."""
        self._owed += 1
        short = f"session-{self._owed}"
        lease = f"{self._about[0]}.{short}"
        self.intend(lease, short, by, touches, undo, OWED_SECONDS)
        return lambda: self.reverted(lease, "undone in order")

    def in_force(self, lease: str) -> None:
        """It is in force."""
        self._opened.in_force(lease)

    def reverted(self, lease: str, did: str) -> None:
        """It is in force no more."""
        self._opened.reverted(lease, did, WHO)
        self._tell(CHANGED)

    def not_reverted(self, lease: str, error: str) -> None:
        """Something of it is left."""
        self._opened.not_reverted(lease, error, WHO)

    @property
    def _opened(self) -> Ledger:
        if self._ledger is None:
            raise LedgerError("the ledger is not open")
        return self._ledger

    def _start(self) -> None:
        self._drop()
        process = self._warden = subprocess.Popen(
            [sys.executable, "-m", "chaos.faults.warden", str(self._opened.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101
        ready, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
        if not ready or not os.read(process.stdout.fileno(), 64):
            self._drop()
            raise LedgerError(
                "the warden did not start (run it by hand: python -m chaos.faults.warden LEDGER)"
            )

    def _tell(self, word: bytes) -> None:
        if self._warden is not None and self._warden.stdin is not None:
            with suppress(OSError):  # it is dead: `watch` sees it, and a new one reads the whole ledger
                os.write(self._warden.stdin.fileno(), word)

    def _end(self) -> None:
        """Order matters: the ledger's file is put away before the warden hears that all is well."""
        settled = self._opened.close()
        self._ledger = None
        if settled:
            self._tell(DONE)
        # else it sees the end of its pipe and tries again what the session could not revert
        process = self._warden
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        deadline = time.monotonic() + END_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        self._drop(kill=settled)

    def _drop(self, kill: bool = True) -> None:
        process, self._warden = self._warden, None
        if process is None:
            return
        if kill and process.poll() is None:
            process.kill()
        if kill:
            process.wait()
        elif process.returncode is None:
            process.returncode = 0  # it goes on without us
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
