"""Faults in force: each is a lease, injected, held, and reverted whatever happens meanwhile (D5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import anyio

from chaos.errors import ChaosError
from chaos.faults.base import Fault, FaultContext, FaultError, create_fault

__all__ = ["Emit", "Leases"]

INJECT_SECONDS = 60.0
REVERT_SECONDS = 20.0


class Emit(Protocol):
    """Writes an event to the history, at the given instant or now."""

    def __call__(self, kind: str, at: float | None = None, **values: object) -> None: ...


class Leases:
    """The faults of one run.

    :param emit: writes to the history
    :param sync: forces the history to disk; called between the intent and the injection
    :param entered: called with ``fault`` before an injection and with ``recovery`` after the last revert
    """

    def __init__(self, emit: Emit, sync: Callable[[], None], entered: Callable[[str], None]) -> None:
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
        context: Callable[[str], FaultContext],
    ) -> dict[str, Any]:
        """Hold a fault for ``seconds`` and revert it; return its id, true length, and whether it was cut short.

        :param context: makes what the fault is given, from the lease's id
        :raises FaultError: if it was not in force; nothing was tested then
        :raises DocumentError: if there is no such fault, or its arguments do not fit
        """
        fault = create_fault(name, arguments)
        self.count += 1
        lease = f"{name}-{self.count}"
        about: dict[str, Any] = {
            "id": lease,
            "fault": name,
            "model": str(arguments.get("model", "")),
            "arguments": arguments,
        }
        self._emit("fault", event="intent", reason="", seconds=seconds, **about)
        self._sync()
        self._entered("fault")
        began = time.monotonic()
        try:
            with anyio.CancelScope() as scope:
                self._held[lease] = scope
                await self._in_force(fault, context(lease), seconds, about)
        finally:
            self._held.pop(lease, None)
            if not self._held:
                self._entered("recovery")
            self._reverted.set()
            self._reverted = anyio.Event()
        return {"id": lease, "seconds": time.monotonic() - began, "cut_short": scope.cancelled_caught}

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
        self, fault: Fault, context: FaultContext, seconds: float, about: dict[str, Any]
    ) -> None:
        reason = "as planned"
        try:
            with anyio.fail_after(INJECT_SECONDS):
                await fault.inject(context)
            self._emit("fault", event="injected", reason="", **about)
            await fault.hold(seconds)
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
            with anyio.CancelScope(shield=True), anyio.move_on_after(REVERT_SECONDS) as waited:
                await fault.revert()
            if waited.cancelled_caught:
                self._emit(
                    "problem", text=f"fault {about['id']}: revert did not end within {REVERT_SECONDS:g} s"
                )
            else:
                self._emit("fault", event="reverted", reason=reason, **about)
