"""The warden: a process that outlives the harness by one task, which is to revert what it left in force.

``python -m chaos.faults.warden LEDGER`` is started by the session before anything else. Its standard input is a pipe
of which the harness holds the other end: ``changed`` says to read the ledger again, ``done`` that all is well, and
end of file that the harness died, however that went. It also reverts a lease whose deadline has passed: then the
harness hangs. What it does not manage, ``chaos recover`` does.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path

from chaos.faults.ledger import Lease, Ledger, LedgerError, boot_clock, read_ledger

__all__ = ["CHANGED", "DONE", "main"]

CHANGED, DONE = b"changed\n", b"done\n"
LOCK_SECONDS = 1.0
AGAIN_SECONDS = 0.7
"""After this a second pass: what the harness had asked of somebody just before it died may have come late."""

WHO = "the warden"


def main() -> int:
    """Watch over one ledger; the exit code is 0 if nothing is left in force."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"):
        signal.signal(signal.Signals[name], signal.SIG_IGN)  # Ctrl-C and `kill` are meant for the harness
    path = Path(sys.argv[1])
    os.write(1, b"ready\n")
    if _watch(path):
        return 0
    return _take_over(path)


def _watch(path: Path) -> bool:
    """Wait for the end of the run; True if it said that it is done."""
    pending = b""
    while True:
        ready, _, _ = select.select([0], [], [], _until_deadline(path))
        if not ready:
            _revert_overdue(path)
            continue
        received = os.read(0, 65536)
        if not received:
            return False
        *lines, pending = (pending + received).split(b"\n")
        if DONE.strip() in lines:
            return True


def _until_deadline(path: Path) -> float | None:
    """Seconds to the next deadline; None if there is none."""
    try:
        deadlines = [lease.deadline for lease in read_ledger(path).owed if lease.status != "not reverted"]
    except LedgerError:
        return 1.0
    return max(0.0, min(deadlines) - boot_clock()) + 0.01 if deadlines else None


def _revert_overdue(path: Path) -> None:
    state = read_ledger(path)
    ledger = Ledger(path)
    overdue = [lease for lease in state.overdue() if lease.status != "not reverted"]
    _revert(ledger, overdue, f"{WHO}, past the deadline")
    ledger.abandon()


def _take_over(path: Path) -> int:
    """The harness is dead: revert all, twice, and put the ledger away."""
    try:
        ledger = Ledger(path)
    except LedgerError:
        return 0 if not path.exists() else 1  # settled just before
    if not ledger.lock(LOCK_SECONDS):
        return 1  # `chaos recover` was faster
    owed = read_ledger(path).owed
    _revert(ledger, owed, WHO)
    if owed:
        time.sleep(AGAIN_SECONDS)
        _revert(ledger, owed, WHO)
    return 0 if ledger.close() else 1


def _revert(ledger: Ledger, leases: list[Lease], who: str) -> None:
    if not leases:
        return
    # Only now: until there is something to do, the warden stays small.
    import anyio

    from chaos.faults.reverting import revert_all

    anyio.run(revert_all, ledger, leases, who)


if __name__ == "__main__":
    sys.exit(main())
