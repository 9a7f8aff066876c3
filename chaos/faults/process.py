"""Processes of the target killed, frozen or restarted: a replica, the proxy, the manager.

    kill     SIGKILL; with ``every``, again and again as the platform replaces what died
    stop     SIGSTOP: it stays there, holds its connections, and does nothing; SIGCONT lets it go on
    restart  SIGTERM, after a grace SIGKILL; in force when the platform has put another in its place

To replace what died is the platform's part, so there is nothing to undo about it.
"""

from __future__ import annotations

import random
import signal
from contextlib import suppress
from typing import ClassVar, Literal

import anyio
from pydantic import Field, model_validator

from chaos.errors import TargetError
from chaos.faults.base import Blast, FaultArguments, FaultContext, FaultError, Needs, RevertError, Undo
from chaos.faults.processes import Known, own_family
from chaos.targets.base import Parts, need
from chaos.targets.records import Part

__all__ = ["Process", "ProcessArguments"]

GRACE_SECONDS = 2.0
LOOK_SECONDS = 0.05
CHECK_SECONDS = 0.2
STOP_SECONDS = 2.0
"""How long a process may take to come to a stop, or to go on; a system call may delay it."""


class ProcessArguments(FaultArguments):
    """What the fault takes in an experiment."""

    role: Literal["replica", "proxy", "manager"] = "replica"
    model: str = Field(default="", description="whose replicas; all models' if not given")
    action: Literal["kill", "stop", "restart"] = "kill"
    choose: Literal["one", "share", "all"] = "one"
    share: float = Field(default=0.5, gt=0, le=1, description="with choose: share")
    every: float = Field(default=0.0, ge=0, description="seconds between kills while held; 0 for one only")
    within: float = Field(default=10.0, gt=0, le=50, description="seconds for a replacement (restart)")

    @model_validator(mode="after")
    def _fits(self) -> ProcessArguments:
        if self.model and self.role != "replica":
            raise ValueError("a 'model' has replicas; the proxy and the manager belong to all")
        if self.every and self.action != "kill":
            raise ValueError("'every' repeats a kill, and goes with no other action")
        return self


class Process:
    """Sends signals to processes of the target that the seed chooses."""

    Arguments: ClassVar[type[FaultArguments]] = ProcessArguments
    needs: ClassVar[Needs] = Needs(capabilities=(Parts,), linux=True)

    def __init__(self, arguments: ProcessArguments) -> None:
        self.arguments = arguments
        self._random = random.Random()
        self._context: FaultContext | None = None
        self._struck: list[Known] = []

    async def inject(self, context: FaultContext) -> None:
        """Choose, strike, and see that it took effect."""
        self._context, self._random = context, random.Random(context.seed)
        parts = await self._parts()
        if not parts:
            raise FaultError(
                f"the target has no {self._what} on this machine (is it another machine's, or none ready yet?)"
            )
        chosen = self._choose(parts)
        await context.intend(self._blast(parts, chosen), self._undo(chosen))
        await self._strike(chosen)
        if self.arguments.action == "restart":
            await self._replaced(parts, chosen)

    async def hold(self, seconds: float) -> None:
        """Keep what is stopped stopped; kill again where that was asked for."""
        with anyio.move_on_after(seconds):
            while self.arguments.every:
                await anyio.sleep(self.arguments.every)
                if parts := await self._parts_now():
                    await self._strike(self._choose(parts))
            while True:
                self._check_stopped()
                await anyio.sleep(CHECK_SECONDS)
        self._check_stopped()

    @staticmethod
    async def revert(undo: Undo) -> str:
        """Let those that are stopped go on."""
        stopped = [Known.from_json(entry) for entry in undo["stopped"]]
        try:
            there = [known for known in stopped if known.send(signal.SIGCONT)]
        except PermissionError:
            pids = " ".join(str(known.pid) for known in stopped)
            raise RevertError(
                f"not allowed to let processes go on (as their owner: kill -CONT {pids})"
            ) from None
        with anyio.move_on_after(STOP_SECONDS):
            while any(known.status == "stopped" for known in there):  # noqa: ASYNC110
                await anyio.sleep(LOOK_SECONDS)
        if left := [known.pid for known in there if known.status == "stopped"]:
            pids = " ".join(map(str, left))
            raise RevertError(
                f"processes stay stopped: {pids} (is a debugger at them? else: kill -CONT {pids})"
            )
        if not stopped:
            return "there was nothing to undo"
        gone = f"; {len(stopped) - len(there)} had ended" if len(there) < len(stopped) else ""
        return f"let {len(there)} of {len(stopped)} processes go on{gone}"

    @property
    def _what(self) -> str:
        arguments = self.arguments
        return arguments.role + (f" of model '{arguments.model}'" if arguments.model else "")

    async def _parts(self) -> list[Part]:
        """Those that may be struck, in a fixed order, so that the seed decides; never the harness.

        A replica without a model is only being started.
        """
        assert self._context is not None  # noqa: S101
        arguments, spared = self.arguments, own_family()
        parts = await need(self._context.target, Parts).parts()
        fitting = [part for part in parts if part.role == arguments.role and part.pid not in spared]
        if arguments.role == "replica":
            fitting = [part for part in fitting if part.model and arguments.model in ("", part.model)]
        return sorted(fitting, key=lambda part: (part.model, part.started, part.pid))

    async def _parts_now(self) -> list[Part]:
        """The same, none where the target cannot tell because of what was done to it."""
        with suppress(TargetError):
            return await self._parts()
        return []

    def _choose(self, parts: list[Part]) -> list[Part]:
        arguments = self.arguments
        share = max(1, round(arguments.share * len(parts)))
        count = {"one": 1, "share": share, "all": len(parts)}[arguments.choose]
        return self._random.sample(parts, count)

    def _blast(self, parts: list[Part], chosen: list[Part]) -> Blast:
        action = self.arguments.action + (" again and again" if self.arguments.every else "")
        touches = tuple(f"{self._what}, pid {part.pid} ({action})" for part in chosen)
        if self.arguments.role != "replica":
            return Blast(touches)
        # of all models that are hit, the one that is hit hardest decides
        hit = {part.model for part in chosen}
        counts = [
            (sum(part.model == model for part in chosen), sum(part.model == model for part in parts))
            for model in sorted(hit)
        ]
        replicas, of = max(counts, key=lambda count: (count[0] / count[1], count[0]))
        return Blast(touches, replicas=replicas, of=of)

    def _undo(self, chosen: list[Part]) -> Undo:
        stopped = chosen if self.arguments.action == "stop" else []
        return {"stopped": [Known.of(part.pid, part.started).to_json() for part in stopped]}

    async def _strike(self, chosen: list[Part]) -> None:
        assert self._context is not None  # noqa: S101
        action = self.arguments.action
        number = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "restart": signal.SIGTERM}[action]
        known = {Known.of(part.pid, part.started): part for part in chosen}
        missed = [one.pid for one in known if not self._send(one, number)]
        if missed and action == "stop":
            raise FaultError(f"{self._what}: pid {missed[0]} had ended before it could be stopped")
        if action == "restart" and not await self._until(known, "gone", GRACE_SECONDS):
            for one in known:
                self._send(one, signal.SIGKILL)
        wanted = "stopped" if action == "stop" else "gone"
        if not await self._until(known, wanted, STOP_SECONDS):
            pids = ", ".join(str(one.pid) for one in known if one.status != wanted)
            raise FaultError(f"{self._what}: pid {pids} was not {wanted} {STOP_SECONDS:g} s after the signal")
        self._struck = list(known)
        for one, part in known.items():
            self._context.note(
                about="process", action=action, role=part.role, model=part.model, pid=one.pid,
                struck=one.pid not in missed,
            )  # fmt: skip

    def _send(self, known: Known, number: signal.Signals) -> bool:
        try:
            return known.send(number)
        except PermissionError:
            raise FaultError(
                f"{self._what}: not allowed to signal pid {known.pid} (run as its owner, or as root)"
            ) from None

    async def _until(self, processes: dict[Known, Part], status: str, seconds: float) -> bool:
        with anyio.move_on_after(seconds):
            while any(one.status not in (status, "gone") for one in processes):  # noqa: ASYNC110
                await anyio.sleep(LOOK_SECONDS)
        return all(one.status == status for one in processes)

    async def _replaced(self, before: list[Part], chosen: list[Part]) -> None:
        """Wait until the platform has as many again, none of them one of those that were ended."""
        ended = {(part.pid, part.started) for part in chosen}
        count = 0
        with anyio.move_on_after(self.arguments.within):
            while True:
                there = {(part.pid, part.started) for part in await self._parts_now()}
                count = len(there)
                if count >= len(before) and not there & ended:
                    return
                await anyio.sleep(LOOK_SECONDS)
        raise FaultError(
            f"{self._what}: {count} of {len(before)} were there {self.arguments.within:g} s after the restart of "
            f"{len(chosen)} (the platform did not replace them)"
        )

    def _check_stopped(self) -> None:
        if self.arguments.action == "stop":
            for known in self._struck:
                if (status := known.status) != "stopped":
                    raise FaultError(f"{self._what}, pid {known.pid}, was to be stopped and is {status}")
