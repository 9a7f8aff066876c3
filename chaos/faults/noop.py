"""The fault that does nothing: the smallest whole one, and a placebo to see what the harness itself costs."""

from __future__ import annotations

from typing import ClassVar

import anyio

from chaos.faults.base import Blast, FaultArguments, FaultContext, Needs, Undo

__all__ = ["Noop"]


class Noop:
    """Touches nothing for as long as it is held."""

    Arguments: ClassVar[type[FaultArguments]] = FaultArguments
    needs: ClassVar[Needs] = Needs()

    def __init__(self, arguments: FaultArguments) -> None:
        self.arguments = arguments

    async def inject(self, context: FaultContext) -> None:
        """State that nothing will be touched."""
        await context.intend(Blast(("nothing",)), {})

    async def hold(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)

    @staticmethod
    async def revert(undo: Undo) -> str:
        """There is nothing to undo."""
        return "there was nothing to undo"
