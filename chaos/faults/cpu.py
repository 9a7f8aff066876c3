"""CPU load: burners on chosen cores, each taking a chosen share of one core's time."""

from __future__ import annotations

import os
import random
import time
from typing import ClassVar

import psutil
from pydantic import Field, field_validator

from chaos.faults.base import Blast, FaultArguments, FaultContext, FaultError, Needs, Undo
from chaos.faults.helper import Helper
from chaos.faults.holding import hold_helpers

__all__ = ["Cpu", "CpuArguments"]

BURNER = "chaos.faults.cpu_helper"
TOLERANCE = 0.25
"""How far the share burnt may be from what was asked, relative to it, before the evidence says so."""
LEAST = 0.5
"""Below this part of what was asked, the fault was not in force: others had the core."""


class CpuArguments(FaultArguments):
    """What the fault takes in an experiment."""

    cores: int | list[int] = Field(default=1, description="how many, chosen by the seed, or which")
    share: float = Field(default=1.0, gt=0, le=1, description="of each core's time")

    @field_validator("cores")
    @classmethod
    def _some(cls, cores: int | list[int]) -> int | list[int]:
        if isinstance(cores, int):
            if cores < 1:
                raise ValueError("at least one core is needed")
        elif not cores or len(set(cores)) < len(cores) or min(cores) < 0:
            raise ValueError("the cores are given by their numbers from 0, each once")
        return cores


class Cpu:
    """Burns CPU time on some cores, from one helper process pinned to each."""

    Arguments: ClassVar[type[FaultArguments]] = CpuArguments
    needs: ClassVar[Needs] = Needs(linux=True)

    def __init__(self, arguments: CpuArguments) -> None:
        self.arguments = arguments
        self._context: FaultContext | None = None
        self._burners: dict[int, Helper] = {}

    async def inject(self, context: FaultContext) -> None:
        """Choose the cores and start a burner on each."""
        self._context = context
        cores, share = self._choose(random.Random(context.seed)), self.arguments.share
        touches = tuple(f"core {core} of this machine, {share:.0%} of its time" for core in cores)
        await context.intend(Blast(touches), {"cores": cores})
        for core in cores:
            self._burners[core] = await context.helper((BURNER, str(core), str(share)))

    async def hold(self, seconds: float) -> None:
        """Let them burn; at the end see what they really got, and note it."""
        assert self._context is not None, "hold comes after inject"  # noqa: S101
        before, began = self._burnt(), time.monotonic()
        await hold_helpers(list(self._burners.values()), seconds, "a CPU burner")
        passed, after = time.monotonic() - began, self._burnt()
        share = self.arguments.share
        burnt = {core: (after[core] - before[core]) / passed for core in after}
        self._context.note(
            about="cpu",
            asked=share,
            burnt={str(core): round(got, 4) for core, got in burnt.items()},
            near=all(abs(got - share) <= TOLERANCE * share for got in burnt.values()),
        )
        for core, got in burnt.items():
            if got < LEAST * share:
                raise FaultError(
                    f"only {got:.0%} of core {core} was burnt, and {share:.0%} was asked: others had it "
                    "(choose another core, or a smaller share)"
                )

    @staticmethod
    async def revert(undo: Undo) -> str:
        """The burners ended with their lease."""
        return f"nothing burns on {_cores(undo['cores'])} any more"

    def _choose(self, generator: random.Random) -> list[int]:
        wanted, there = self.arguments.cores, sorted(os.sched_getaffinity(0))
        if isinstance(wanted, int):
            if wanted > len(there):
                raise FaultError(f"{wanted} cores are asked for, and this process may use {len(there)}")
            return sorted(generator.sample(there, wanted))
        if absent := sorted(set(wanted) - set(there)):
            raise FaultError(f"{_cores(absent)} may not be used by this process (it may use {_cores(there)})")
        return sorted(wanted)

    def _burnt(self) -> dict[int, float]:
        """CPU seconds that each burner has had so far."""
        burnt = {}
        for core, helper in self._burners.items():
            try:
                times = psutil.Process(helper.pid).cpu_times()
            except psutil.NoSuchProcess:
                raise FaultError(f"the CPU burner on core {core} ended before the time was over") from None
            burnt[core] = times.user + times.system
        return burnt


def _cores(numbers: list[int]) -> str:
    return f"core{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
