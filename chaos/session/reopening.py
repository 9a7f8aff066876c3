"""The target of an undo, opened once more by whoever reverts: maybe long after the run, maybe when it is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio

from chaos.errors import TargetError
from chaos.faults.base import RevertError, Undo
from chaos.targets.base import Target
from chaos.targets.registry import open_by_url

__all__ = ["at_target"]

OPEN_SECONDS = 10.0
REVERT_SECONDS = 15.0
"""For all that is to be done: less than whoever reverts waits."""


async def at_target(undo: Undo, work: Callable[[Target], Awaitable[str]], what: str) -> str:
    """Unregister at the target of an undo (``url``, ``allow``) what it says; that it cannot be reached is no error.

    :param work: unregisters, and yields what was done, in words
    :param what: what stays there otherwise
    :raises RevertError: if the target is there and refuses, or does not answer in time
    """
    target = open_by_url(str(undo["url"]), allow=tuple(undo["allow"]))
    try:
        try:
            with anyio.fail_after(OPEN_SECONDS):
                await target.open()
        except (TargetError, TimeoutError):
            return f"{target.url} cannot be reached, so {what} was left to it"
        try:
            with anyio.fail_after(REVERT_SECONDS):
                return await work(target)
        except (TargetError, TimeoutError) as error:
            raise RevertError(
                f"{what} is still on {target.url}: {error or 'no answer'} (unregister it by hand)"
            ) from error
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(OPEN_SECONDS), suppress(TargetError):
            await target.close()
