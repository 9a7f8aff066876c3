"""Faults in force: each is a lease, injected, held, and reverted whatever happens meanwhile (D5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import anyio

from chaos.errors import ChaosError
from chaos.faults.base import Blast, Fault, FaultContext, FaultError, Undo
from chaos.faults.registry import create_fault, reference
from chaos.faults.reverting import revert_lease
from chaos.session.books import Books
from chaos.session.safety import Safety
from chaos.session.started import Started

__all__ = ["Emit", "Lease", "Leases", "MakeContext"]

INJECT_SECONDS = 60.0
REVERT_SECONDS = 30.0

MakeContext = Callable[[Fault, str, "Lease"], FaultContext]
"""Makes what a fault is given: from the fault, the name of its lease, and what it will have started."""


class Emit(Protocol):
    """Writes an event to the history, at the given instant or now."""

    def __call__(self, kind: str, at: float | None = None, **values: object) -> object: ...


class Lease:
    """One fault on its way: what it stated, and what it started."""

    def __init__(self, name: str, by: str, seconds: float) -> None:
        self.name = name
        self.by = by
        self.seconds = seconds
        self.started = Started()
        self.blast: Blast | None = None
        self.undo: Undo = {}


class Leases:
    """The faults of one run.

    :param run: its id, which makes the leases' names unique on this machine
    :param emit: writes to the history
    :param sync: forces the history to disk; called between the intent and the injection
    :param entered: called with ``fault`` before an injection and with ``recovery`` after the last revert
    """

    def __init__(
        self,
        run: str,
        books: Books,
        safety: Safety,
        emit: Emit,
        sync: Callable[[], None],
        entered: Callable[[str], None],
    ) -> None:
        self._run = run
        self._books = books
        self._safety = safety
        self._emit = emit
        self._sync = sync
        self._entered = entered
        self._held: dict[str, anyio.CancelScope] = {}
        self._reverted = anyio.Event()
        self.count = 0
        """How many there have been."""

    @property
    def held(self) -> bool:
        """Whether a fault is in force, or about to be, or being reverted."""
        return bool(self._held)

    async def hold(
        self,
        name: str,
        arguments: dict[str, Any],
        seconds: float,
        context: MakeContext,
        in_force: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        """Hold a fault for ``seconds`` and revert it; return its id, true length, and whether it was cut short.

        :param in_force: called when it is
        :raises FaultError: if it was not in force; nothing was tested then
        :raises DocumentError: if there is no such fault, or its arguments do not fit
        """
        fault = create_fault(name, arguments)
        self._safety.check_count(name, len(self._held))
        self.count += 1
        short = f"{name}-{self.count}"
        lease = Lease(f"{self._run}.{short}", reference(fault), seconds)
        model = str(arguments.get("model", ""))
        about: dict[str, Any] = {"id": short, "fault": name, "model": model, "arguments": arguments}
        self._emit("fault", event="intent", reason="", seconds=seconds, **about)
        self._sync()
        self._entered("fault")
        began = time.monotonic()
        try:
            with anyio.CancelScope() as scope:
                self._held[short] = scope
                await self._in_force(fault, context, lease, about, in_force)
        finally:
            self._held.pop(short, None)
            if not self._held:
                self._entered("recovery")
            self._reverted.set()
            self._reverted = anyio.Event()
        return {"id": short, "seconds": time.monotonic() - began, "cut_short": scope.cancelled_caught}

    async def intend(self, lease: Lease, blast: Blast, undo: Undo) -> None:
        """What a fault's context calls: allow it, and write it down.

        :raises FaultError: if its blast radius is larger than the user allows, or it has said so before
        """
        if lease.blast is not None:
            raise FaultError("a fault states once what it will touch, and this one did it again")
        self._safety.check_blast(blast)
        deadline = INJECT_SECONDS + lease.seconds + REVERT_SECONDS
        name = lease.name.removeprefix(f"{self._run}.")
        self._books.intend(lease.name, name, lease.by, blast.touches, undo, deadline)
        lease.blast, lease.undo = blast, undo

    def cut_short(self) -> bool:
        """Cancel every fault in force; they are reverted soon. Whether there was one not yet cancelled."""
        scopes = [scope for scope in self._held.values() if not scope.cancel_called]
        for scope in scopes:
            scope.cancel()
        return bool(scopes)

    async def revert(self) -> int:
        """Cut short every fault in force, wait until it is reverted, and say how many there were."""
        count = len(self._held)
        self.cut_short()
        while self._held:
            await self._reverted.wait()
        return count

    async def _in_force(
        self,
        fault: Fault,
        context: MakeContext,
        lease: Lease,
        about: dict[str, Any],
        in_force: Callable[[], None],
    ) -> None:
        reason = "as planned"
        try:
            given = context(fault, about["id"], lease)
            with anyio.fail_after(INJECT_SECONDS):
                await fault.inject(given)
            if lease.blast is None:
                raise FaultError("it did not state what it touches (await context.intend(…) in inject)")
            self._books.in_force(lease.name)
            self._emit("fault", event="injected", reason="", touches=list(lease.blast.touches), **about)
            in_force()
            await fault.hold(lease.seconds)
        except Exception as error:
            if isinstance(error, TimeoutError):
                reason = f"not in force within {INJECT_SECONDS:g} s"
            else:
                reason = str(error) if isinstance(error, ChaosError) else repr(error)
            self._emit("fault", event="failed", reason=reason, **about)
            raise FaultError(reason) from error
        except anyio.get_cancelled_exc_class():
            reason = "cut short"
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self._revert(lease, reason, about)

    async def _revert(self, lease: Lease, reason: str, about: dict[str, Any]) -> None:
        """End what the fault started, undo the rest from its entry alone, and say how that went."""
        try:
            await lease.started.end()
            did = "it had touched nothing"
            if lease.blast is not None:
                did = await revert_lease(lease.name, lease.by, dict(lease.undo))
                self._books.reverted(lease.name, did)
        except ChaosError as error:
            self._books.not_reverted(lease.name, str(error))
            what = f"{error} (then run `chaos recover`)"
            self._emit("fault", event="not reverted", reason=what, **about)
        else:
            self._emit("fault", event="reverted", reason=reason, did=did, **about)
