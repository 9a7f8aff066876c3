"""Reverting a lease from its ledger entry alone: the one way, whoever goes it and however the run ended.

Helper processes of the lease are ended first, so that nothing acts after the revert; then the class that the entry
names is asked to undo what the entry says.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import anyio
import anyio.to_thread

from chaos.errors import ChaosError
from chaos.faults.ledger import Lease, Ledger
from chaos.marks import LEASE, end_bearers

__all__ = ["REVERT_SECONDS", "revert_all", "revert_lease", "revert_owed"]

REVERT_SECONDS = 20.0


async def revert_lease(lease: str, by: str, undo: dict[str, Any]) -> str:
    """Undo it; return in words what was done.

    :raises ChaosError: if something is left in force; says what to do by hand
    """
    ended, left = await anyio.to_thread.run_sync(end_bearers, LEASE, lease, 0.0)
    if left:
        raise ChaosError(f"its processes {left} cannot be killed (end them by hand)")
    try:
        module, _, name = by.partition(":")
        kind: Any = importlib.import_module(module)
        for part in name.split("."):
            kind = getattr(kind, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ChaosError(
            f"'{by}', which reverts it, cannot be loaded: {error} (install its package and run `chaos recover`)"
        ) from None
    did = "its revert did not end"
    with anyio.move_on_after(REVERT_SECONDS) as waited:
        try:
            did = str(await kind.revert(undo))
        except ChaosError:
            raise
        except Exception as error:
            raise ChaosError(f"its revert broke: {error!r} (undo by hand: {undo})") from error
    if waited.cancelled_caught:
        raise ChaosError(f"its revert did not end within {REVERT_SECONDS:g} s (undo by hand: {undo})")
    return did + (f"; ended its {len(ended)} processes" if ended else "")


async def revert_owed(ledger: Ledger, lease: Lease, who: str) -> bool:
    """Revert one and write down how it went; whether it is reverted.

    :param who: ``the warden``, ``chaos recover``
    """
    try:
        did = await revert_lease(lease.lease, lease.by, lease.undo)
    except ChaosError as error:
        lease.status, lease.said = "not reverted", str(error)
        ledger.not_reverted(lease.lease, str(error), who)
        return False
    lease.status, lease.said = "reverted", did
    ledger.reverted(lease.lease, did, who)
    return True


async def revert_all(ledger: Ledger, leases: Iterable[Lease], who: str) -> None:
    """Revert these side by side: one that hangs does not hold up the others."""
    async with anyio.create_task_group() as tasks:
        for lease in leases:
            tasks.start_soon(revert_owed, ledger, lease, who)
