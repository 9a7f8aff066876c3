"""Memory pressure on this machine, within a bound: a process that takes memory, keeps it, and dies first.

It offers itself to the kernel's OOM killer before all others, and leaves a reserve, so that what the target feels is
pressure and no massacre. To kill a replica by its memory limit there is the fault ``oom``.
"""

from __future__ import annotations

from typing import ClassVar

import psutil
from pydantic import Field, model_validator

from chaos.faults.base import Blast, FaultArguments, FaultContext, FaultError, Needs, Undo
from chaos.faults.helper import Helper
from chaos.faults.holding import hold_helpers

__all__ = ["MemoryPressure", "MemoryPressureArguments"]

TAKER = "chaos.faults.memory_helper"
SPARE = 512


class MemoryPressureArguments(FaultArguments):
    """What the fault takes in an experiment."""

    mebibytes: int = Field(default=0, ge=0, description="how much to take; or give 'share'")
    share: float = Field(default=0.0, ge=0, le=1, description="of what is available when it begins")
    spare_mebibytes: int = Field(
        default=SPARE, ge=SPARE, description="what has to stay available, in any case"
    )
    step_mebibytes: int = Field(default=64, ge=1, le=1024, description="how much is taken at a time")

    @model_validator(mode="after")
    def _one_of_both(self) -> MemoryPressureArguments:
        if bool(self.mebibytes) == bool(self.share):
            raise ValueError("give either 'mebibytes' or 'share'")
        return self


class MemoryPressure:
    """Takes memory in a helper process and touches all of it."""

    Arguments: ClassVar[type[FaultArguments]] = MemoryPressureArguments
    needs: ClassVar[Needs] = Needs(linux=True)

    def __init__(self, arguments: MemoryPressureArguments) -> None:
        self.arguments = arguments
        self._helper: Helper | None = None
        self._context: FaultContext | None = None

    async def inject(self, context: FaultContext) -> None:
        """Take it, step by step; return when all of it has been touched."""
        self._context = context
        wanted = self._wanted(psutil.virtual_memory().available >> 20)
        await context.intend(Blast((f"{wanted} MiB of this machine's memory",)), {"mebibytes": wanted})
        words = (wanted, self.arguments.step_mebibytes, self.arguments.spare_mebibytes)
        self._helper = await context.helper((TAKER, *map(str, words)))

    async def hold(self, seconds: float) -> None:
        """Keep it; the kernel may have taken the helper's life, and then it was not kept."""
        assert self._helper is not None and self._context is not None, "hold comes after inject"  # noqa: S101, PT018
        await hold_helpers([self._helper], seconds, "the process that keeps the memory")
        try:
            resident = psutil.Process(self._helper.pid).memory_info().rss >> 20
        except psutil.NoSuchProcess:
            raise FaultError("the process that keeps the memory ended at the very end") from None
        available = psutil.virtual_memory().available >> 20
        self._context.note(about="memory_pressure", resident=resident, available=available)

    @staticmethod
    async def revert(undo: Undo) -> str:
        """The memory went with the process that kept it."""
        return f"{undo['mebibytes']} MiB are free again"

    def _wanted(self, available: int) -> int:
        """How many MiB to take of those that are available."""
        arguments, most = self.arguments, available - self.arguments.spare_mebibytes
        wanted = arguments.mebibytes or min(int(arguments.share * available), most)
        if wanted < 1 or wanted > most:
            asked = f"{arguments.mebibytes} MiB" if arguments.mebibytes else f"{arguments.share:.0%}"
            raise FaultError(
                f"{asked} cannot be taken: {available} MiB are available on this machine, and "
                f"{arguments.spare_mebibytes} have to stay so (take less)"
            )
        return wanted
