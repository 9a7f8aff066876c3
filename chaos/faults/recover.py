"""``chaos recover``: reverts what ledgers say is still in force, after whatever became of the run and its warden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio

from chaos.faults.ledger import Lease, Ledger, LedgerError, LedgerState, read_ledger
from chaos.faults.reverting import revert_all

__all__ = ["Found", "find", "recover"]

WHO = "chaos recover"
LOCK_SECONDS = 8.0
"""How long a warden that is at work may take before its ledger counts as that of a run that lives."""


@dataclass(frozen=True, slots=True)
class Found:
    """A ledger that is there. ``alive`` if its run, or a warden at work, holds the lock."""

    state: LedgerState
    alive: bool


def find(directory: Path) -> Iterator[Found | LedgerError]:
    """All ledgers of a directory, oldest first, as they are; an error in place of one that cannot be read."""
    for path in sorted(directory.glob("*.jsonl")) if directory.is_dir() else []:
        try:
            ledger = Ledger(path)
            alive = not ledger.lock(0.0)
            ledger.abandon()
            yield Found(read_ledger(path), alive)
        except LedgerError as error:
            if path.exists():  # else it was settled just now
                yield error


def recover(path: Path) -> list[Lease] | None:
    """Revert what a ledger says is in force; the leases with how that went, None if the run lives.

    The ledger is put away if nothing is left. Idempotent.

    :raises LedgerError: if it cannot be read or written
    """
    ledger = Ledger(path)
    if not ledger.lock(LOCK_SECONDS if not _harness_alive(path) else 0.0):
        ledger.abandon()
        return None
    if not path.exists():  # its warden was faster
        ledger.abandon()
        return []
    owed = read_ledger(path).owed
    anyio.run(revert_all, ledger, owed, WHO)
    ledger.close()
    return owed


def _harness_alive(path: Path) -> bool:
    """Whether the process that wrote the first line is there; only to know how long to wait for the lock."""
    return Path(f"/proc/{read_ledger(path).pid}").exists()
