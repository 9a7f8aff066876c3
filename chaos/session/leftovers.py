"""Models that a killed run left on somebody's server: known by the tag in their names, and unregistered."""

from __future__ import annotations

import re

from chaos.faults.base import Undo
from chaos.session.reopening import at_target
from chaos.targets.base import Describe, Register, Target, need

__all__ = ["Models"]


class Models:
    """Reverts the registrations of a run whose models have a tag in their names."""

    @staticmethod
    async def revert(undo: Undo) -> str:
        """Unregister every model with the tag in its name; that the server is gone is no error.

        :raises RevertError: if the server is there and refuses, or does not say what it serves
        """
        tag = str(undo["tag"])

        async def unregister(target: Target) -> str:
            served = await need(target, Describe).models()
            ours = [name for name in served if re.search(rf"-{re.escape(tag)}[0-9a-f]{{6}}$", name)]
            for name in ours:
                await need(target, Register).unregister(name)
            return f"unregistered {len(ours)} models from {target.url}"

        return await at_target(undo, unregister, f"a model of the run ('…-{tag}…')")
