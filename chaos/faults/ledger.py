"""The ledger: the write-ahead record of what is in force, one file a run, readable by people and after a crash.

Each line is a JSON object with ``event``, ``wall`` (ISO time) and:

- ``run``           ``run, pid, target, directory, boot``: first line; the file may be read by its owner only
- ``intent``        ``lease, fault, by, touches, undo, deadline``; on disk before anything is touched. ``by`` is
  the class that reverts it (``package.module:Class``), ``deadline`` an instant of the clock since boot
- ``in force``      ``lease``
- ``reverted``      ``lease, did, who``
- ``not reverted``  ``lease, error, who``: it was tried, and something is left

The harness holds a lock on its file for as long as it lives, whatever ends it: so nobody reverts what a run
that lives still holds. A ledger of which nothing is left in force is moved into the run directory.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaos.errors import ChaosError

__all__ = [
    "KEPT",
    "Lease",
    "Ledger",
    "LedgerError",
    "LedgerState",
    "boot_clock",
    "ledger_directory",
    "read_ledger",
]

VARIABLE = "CHAOS_LEDGER"
KEPT = "ledger.jsonl"
"""The name of a settled ledger in its run directory."""


class LedgerError(ChaosError):
    """The ledger cannot be written or read. Without one nothing is injected."""


def ledger_directory() -> Path:
    """Where ledgers are: ``$CHAOS_LEDGER``, or in the user's state directory, which outlives a reboot."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "chaostoolkit-serving" / "ledger"


def boot_clock() -> float:
    """Seconds since boot, suspend included: a deadline passes although the machine slept."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(slots=True)
class Lease:
    """One entry as the ledger has it. ``status`` is the last event: ``intent``, ``in force``, …"""

    lease: str
    fault: str
    by: str
    touches: tuple[str, ...]
    undo: dict[str, Any]
    deadline: float
    status: str = "intent"
    said: str = ""
    """What reverting it did, or why it did not."""

    @property
    def owed(self) -> bool:
        """Whether it is, or may be, still in force."""
        return self.status != "reverted"


@dataclass(slots=True)
class LedgerState:
    """A ledger as read: whose it is, and its leases in the order of their intents."""

    path: Path
    run: str = ""
    pid: int = 0
    target: str = ""
    directory: str = ""
    boot: str = ""
    leases: dict[str, Lease] = field(default_factory=dict)

    @property
    def owed(self) -> list[Lease]:
        """What is still in force, the latest first: the order in which to revert it."""
        return [lease for lease in reversed(self.leases.values()) if lease.owed]

    def overdue(self) -> list[Lease]:
        """What is in force although its deadline has passed. After a reboot a deadline means nothing: none is."""
        now = boot_clock()
        return [lease for lease in self.owed if self.boot == _boot() and now > lease.deadline]


class Ledger:
    """One run's ledger, open for writing. Whoever holds the lock may act on it.

    :raises LedgerError: if the file cannot be made
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        try:
            if create:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise LedgerError(
                f"ledger {path}: {error.strerror} (name a directory that can be written: {VARIABLE}=…)"
            ) from None

    @classmethod
    def create(cls, run: str, target: str, directory: Path) -> Ledger:
        """A new ledger, locked by this process, in the directory of ledgers.

        It gets its name only when it is locked and begun: who looks for ledgers never sees one that seems abandoned.

        :raises LedgerError: if it cannot be made, or there is one of that name
        """
        path = ledger_directory() / f"{run}.jsonl"
        ledger = cls(path.with_name(f".{run}.{os.getpid()}"), create=True)
        ledger.lock(0.0)
        ledger._write(
            "run", run=run, pid=os.getpid(), target=target, directory=str(directory.absolute()), boot=_boot()
        )
        try:
            os.link(ledger.path, path)
        except OSError as error:
            ledger.abandon()
            raise LedgerError(f"ledger {path}: {error.strerror} (run `chaos recover`)") from None
        finally:
            ledger.path.unlink()
        ledger.path = path
        return ledger

    def lock(self, seconds: float) -> bool:
        """Take the lock; False if somebody else still holds it after so many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.02)
            else:
                return True

    def intend(
        self, lease: str, fault: str, by: str, touches: Sequence[str], undo: Mapping[str, Any], seconds: float
    ) -> None:
        """Write down what is about to be done and what undoes it; on disk when this returns.

        :param seconds: after so long it is reverted even if the harness lives, for then it hangs
        :raises LedgerError: if it cannot be written; then nothing may be touched
        """
        self._write(
            "intent",
            lease=lease,
            fault=fault,
            by=by,
            touches=list(touches),
            undo=dict(undo),
            deadline=round(boot_clock() + seconds, 3),
        )

    def in_force(self, lease: str) -> None:
        """It is in force now."""
        self._write("in force", lease=lease)

    def reverted(self, lease: str, did: str, who: str) -> None:
        """It is in force no more."""
        self._write("reverted", lease=lease, did=did, who=who)

    def not_reverted(self, lease: str, error: str, who: str) -> None:
        """It was tried to revert it, and something is left."""
        self._write("not reverted", lease=lease, error=error, who=who)

    def close(self) -> bool:
        """Give up the lock. If nothing is owed, move the file to its run directory; whether that was so."""
        state = read_ledger(self.path)
        if not state.owed:
            self._retire(state)
        os.close(self._file)
        return not state.owed

    def abandon(self) -> None:
        """Give up the lock and leave the file as it is."""
        os.close(self._file)

    def _retire(self, state: LedgerState) -> None:
        directory = Path(state.directory)
        if state.directory and directory.is_dir():
            with suppress(OSError):
                (directory / KEPT).write_bytes(self.path.read_bytes())
        self.path.unlink(missing_ok=True)

    def _write(self, event: str, **values: Any) -> None:
        wall = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"event": event, "wall": wall, **values}) + "\n"
        try:
            os.write(self._file, line.encode())
            os.fsync(self._file)
        except OSError as error:
            raise LedgerError(f"ledger {self.path}: {error.strerror} (is the disk full?)") from None


def read_ledger(path: Path) -> LedgerState:
    """Read a ledger; a line that a crash cut off is passed over.

    :raises LedgerError: if it cannot be read, or is none
    """
    state = LedgerState(path)
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise LedgerError(f"ledger {path}: {error.strerror}") from None
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            _take(state, json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            if number < len(lines):  # it ends with a line's end, so this was written so
                raise LedgerError(f"{path}:{number}: not a line of a ledger: {error!r}") from None
    return state


def _take(state: LedgerState, entry: dict[str, Any]) -> None:
    event = entry["event"]
    if event == "run":
        state.run, state.pid = str(entry["run"]), int(entry["pid"])
        state.target, state.directory, state.boot = entry["target"], entry["directory"], entry["boot"]
    elif event == "intent":
        names = ("lease", "fault", "by", "undo")
        state.leases[entry["lease"]] = Lease(
            **{name: entry[name] for name in names},
            touches=tuple(entry["touches"]),
            deadline=float(entry["deadline"]),
        )
    else:
        lease = state.leases[entry["lease"]]
        lease.status = event
        lease.said = str(entry.get("did") or entry.get("error") or "")


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
