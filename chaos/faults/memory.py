"""Out of memory: a replica is driven to its memory limit by inferences, until it has died of it.

The model has to be served by the handler package ``allocate``, which takes as much memory as a request asks for. The
first request asks for a little, and each next one for twice as much. That a replica died its process shows, or the
target's error history; whether the kernel killed it or the limit that the platform sets only the history tells, and
the evidence says ``unknown`` where there is none.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

import aiohttp
import anyio
import psutil
from pydantic import Field

from chaos.errors import CapabilityError, TargetError
from chaos.faults.base import Blast, FaultArguments, FaultContext, FaultError, Needs, Undo
from chaos.targets.base import Errors, Infer, Parts, need
from chaos.targets.records import ErrorRecord
from chaos.targets.url import is_loopback

__all__ = ["Oom", "OomArguments"]

PACKAGE = "allocate"
OOM = "OOMKilled"
NEVER_LIVED = "LoadFailed"
LOOK_SECONDS = 0.05
SPARE_MEBIBYTES = 512
"""What stays available on this machine, where a replica turns out to have no limit."""
AGAIN = frozenset({429, 503})
"""Answers of a target that is too busy to try."""
NAMED_SECONDS = 1.5
"""How long a target that remembers deaths may take to name one, before who is gone is believed."""


class OomArguments(FaultArguments):
    """What the fault takes in an experiment."""

    model: str = Field(min_length=1, description=f"the model; served by the handler package '{PACKAGE}'")
    step_mebibytes: int = Field(default=64, ge=1, description="what the first request takes")
    most_mebibytes: int = Field(default=8192, ge=1, description="what no request takes more than")
    within: float = Field(default=20.0, gt=0, le=50, description="seconds until a replica has died")
    every: float = Field(default=0.0, ge=0, description="seconds between deaths while held; 0 for one only")


@dataclass(frozen=True, slots=True)
class _Seen:
    """The replicas of the model that run (None where nobody can see them), and what is remembered of dead ones."""

    pids: frozenset[int] | None = None
    records: tuple[ErrorRecord, ...] = ()


class Oom:
    """Kills one replica of a model by its memory limit, and again every so often if asked."""

    Arguments: ClassVar[type[FaultArguments]] = OomArguments
    needs: ClassVar[Needs] = Needs(capabilities=(Infer,))

    def __init__(self, arguments: OomArguments) -> None:
        self.arguments = arguments
        self._context: FaultContext | None = None
        self._before = _Seen()

    async def inject(self, context: FaultContext) -> None:
        """Drive a replica to its limit; return when one has died of it."""
        self._context, model = context, self.arguments.model
        if not isinstance(context.target, Errors | Parts):
            raise CapabilityError(
                f"target {context.target.url}: nobody could say whether a replica died, for it has neither an error "
                "history nor processes on this machine (choose another target with --var target=…)"
            )
        self._before = await self._look()
        there = self._before.pids
        if there is not None and not there:
            raise FaultError(f"model '{model}' has no replica that could die (is it registered?)")
        what = f"one replica of model '{model}' of {context.target.url}, by its memory limit"
        await context.intend(
            Blast((what,), hosts=(self._host,), replicas=1, of=len(there or ())), {"model": model}
        )
        await self._kill_one()

    async def hold(self, seconds: float) -> None:
        """Wait, and kill one again every so often if asked."""
        with anyio.move_on_after(seconds):
            while self.arguments.every:
                await anyio.sleep(self.arguments.every)
                await self._kill_one()
            await anyio.sleep_forever()

    @staticmethod
    async def revert(undo: Undo) -> str:
        """The requests ended with who sent them; to replace what died is the platform's part."""
        return f"the requests to model '{undo['model']}' have ended"

    @property
    def _host(self) -> str:
        assert self._context is not None  # noqa: S101
        return (
            urlsplit(need(self._context.target, Infer).infer_request(self.arguments.model, {}).url).hostname
            or ""
        )

    async def _kill_one(self) -> None:
        self._before = await self._look()
        size, said = self.arguments.step_mebibytes, "none"
        with anyio.move_on_after(self.arguments.within):
            async with aiohttp.ClientSession(trust_env=False) as session:
                while True:
                    self._check_size(size)
                    status, said = await self._ask(session, size)
                    if status in AGAIN:
                        await anyio.sleep(LOOK_SECONDS)
                    elif 200 <= status < 300:
                        size *= 2
                    elif 400 <= status < 500:
                        raise FaultError(self._explain(f"asked to take {size} MiB it answered {said}"))
                    else:
                        await self._died(size, status)
                        return
        raise FaultError(
            self._explain(
                f"not within {self.arguments.within:g} s; the last request was for {size} MiB, and its answer {said}"
            )
        )

    async def _ask(self, session: aiohttp.ClientSession, mebibytes: int) -> tuple[int, str]:
        """The status of the answer, 0 if the connection was cut, and it in words."""
        assert self._context is not None  # noqa: S101
        request = need(self._context.target, Infer).infer_request(
            self.arguments.model, {"mebibytes": mebibytes}
        )
        try:
            async with session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                ssl=request.verify_tls,
                allow_redirects=False,
            ) as response:
                words = (await response.content.read(300)).decode("utf-8", "replace")
                return response.status, f"{response.status}: {' '.join(words.split())}"
        except (aiohttp.ClientError, OSError) as error:
            return 0, f"the connection was cut ({error!r})"

    async def _died(self, mebibytes: int, status: int) -> None:
        """Wait until the target says who died of it, or at least somebody is gone; note it."""
        assert self._context is not None  # noqa: S101
        suspected = time.monotonic() + NAMED_SECONDS
        while True:
            before, now = self._before, await self._look()
            fresh = sorted(set(now.records) - set(before.records), key=lambda record: record.monotonic)
            named = [record for record in fresh if record.type == OOM]
            gone = sorted((before.pids or frozenset()) - (now.pids or frozenset()))
            late = time.monotonic() > suspected
            if named or (late and fresh):
                first = (named or fresh)[0]
                pid, by, at = first.pid, first.by or "unknown", first.monotonic
                break
            if gone and (late or not isinstance(self._context.target, Errors)):
                pid, by, at = gone[0], "unknown", time.monotonic()
                break
            await anyio.sleep(LOOK_SECONDS)
        self._context.note(
            about="oom", at=at, model=self.arguments.model, pid=pid, by=by, mebibytes=mebibytes, status=status
        )

    async def _look(self) -> _Seen:
        """As far as the target can tell now: one that is hit may not."""
        assert self._context is not None  # noqa: S101
        target, model = self._context.target, self.arguments.model
        pids, records = self._before.pids, self._before.records
        with suppress(TargetError):
            if isinstance(target, Parts):
                pids = frozenset(part.pid for part in await target.parts() if part.model == model)
            if isinstance(target, Errors):
                records = tuple(record for record in await target.errors(model) if record.type != NEVER_LIVED)
        return _Seen(pids, records)

    def _check_size(self, mebibytes: int) -> None:
        """Before so much is asked for.

        :raises FaultError: if that is more than it may be
        """
        if mebibytes > self.arguments.most_mebibytes:
            raise FaultError(
                self._explain(f"more than {self.arguments.most_mebibytes} MiB would have to be taken")
            )
        available = psutil.virtual_memory().available >> 20
        if is_loopback(self._host) and mebibytes > available - SPARE_MEBIBYTES:
            raise FaultError(
                self._explain(
                    f"{mebibytes} MiB would have to be taken, and this machine has {available} left"
                )
            )

    def _explain(self, what: str) -> str:
        return (
            f"no replica of model '{self.arguments.model}' has died of its memory limit: {what} (is it served by the "
            f"handler package '{PACKAGE}', and is its memory limited?)"
        )
