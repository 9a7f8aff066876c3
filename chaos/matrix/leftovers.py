"""Models that a killed matrix left on somebody's server: known by the tag in their names, and unregistered."""

from __future__ import annotations

import re
from contextlib import suppress

import anyio

from chaos.errors import TargetError
from chaos.faults.base import RevertError, Undo
from chaos.targets.base import Describe, Register, need
from chaos.targets.registry import open_by_url

__all__ = ["Models"]

OPEN_SECONDS = 10.0
REVERT_SECONDS = 15.0
"""For all of them: less than whoever reverts waits."""


class Models:
    """Reverts the registrations of a matrix."""

    @staticmethod
    async def revert(undo: Undo) -> str:
        """Unregister every model with the tag in its name; that the server is gone is no error.

        :raises RevertError: if the server is there and refuses, or does not say what it serves
        """
        url, tag = str(undo["url"]), str(undo["tag"])
        target = open_by_url(url, allow=tuple(undo["allow"]))
        try:
            try:
                with anyio.fail_after(OPEN_SECONDS):
                    await target.open()
            except (TargetError, TimeoutError):
                return f"{target.url} cannot be reached, so what is on it was left to it"
            try:
                with anyio.fail_after(REVERT_SECONDS):
                    served = await need(target, Describe).models()
                    ours = [name for name in served if re.search(rf"-{re.escape(tag)}[0-9a-f]{{6}}$", name)]
                    for name in ours:
                        await need(target, Register).unregister(name)
            except (TargetError, TimeoutError) as error:
                raise RevertError(
                    f"models of the matrix ('…-{tag}…') are still on {target.url}: {error or 'no answer'} "
                    "(unregister them by hand)"
                ) from error
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(OPEN_SECONDS), suppress(TargetError):
                await target.close()
        return f"unregistered {len(ours)} models from {target.url}"
