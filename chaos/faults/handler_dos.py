"""Handler denial of service: requests that make the handler of one model hostile to the others.

    occupy    every worker of the model sleeps in its handler, with more requests waiting
    burn      every worker of the model spins on the CPU
    hang      the handler never returns; only the target's own time limit ends it
    crash     the worker dies in the handler, again and again as it comes back
    allocate  the handler takes memory until its limit
    leak      each request keeps descriptors open, until the worker has none left
    huge      the handler answers with bodies of many mebibytes
    slow      the answer's first byte is late, and the rest dribbles
    cut       the worker dies in the middle of a streamed answer

``intensity`` is the number of requests kept in flight; in the modes ``crash`` and ``cut``, where an answer comes at
once, four times as many are sent a second. The fault is what the handler does with them, so they are few:
this is no flood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import anyio
from pydantic import Field

from chaos.faults.base import Blast, FaultArguments, FaultContext, FaultError, Needs, Undo
from chaos.targets.base import Infer, need
from chaos.traffic.meter import StreamTotals
from chaos.traffic.running import RunningTraffic
from chaos.traffic.spec import Arrivals, Outcome, Stream, WorkerSpec

__all__ = ["MODES", "HandlerDos", "HandlerDosArguments", "Mode", "ModeName"]

IN_FORCE_SECONDS = 10.0
"""How long the first hostile request may take to have an effect."""

ModeName = Literal["occupy", "burn", "hang", "crash", "allocate", "leak", "huge", "slow", "cut"]


@dataclass(frozen=True, slots=True)
class Mode:
    """How a mode is done: with which handler package, and what each request asks of it.

    ``effects`` are the outcomes by which an answer shows that the handler did it; ``at_once`` says that no request
    stays in the handler, so that one in flight shows nothing.
    """

    package: str
    payload: Any
    effects: frozenset[Outcome]
    at_once: bool = False


_ANSWERED = frozenset({Outcome.OK})
_DIED = frozenset({Outcome.HTTP_5XX, Outcome.RESET, Outcome.TRUNCATED})
OWN = "the user's own"
"""The package of a mode that nobody knows: what such a handler does with a request is its own affair."""

MODES: dict[str, Mode] = {
    "occupy": Mode("sleep", {"sleep_ms": 1000}, _ANSWERED),
    "burn": Mode("burn", {"burn_ms": 1000}, _ANSWERED),
    "hang": Mode("hang", {}, _DIED),
    "crash": Mode("crash", {"how": "exit"}, _DIED, at_once=True),
    "allocate": Mode("allocate", {"mebibytes": 4096}, _DIED),
    "leak": Mode("leak", {"descriptors": 64}, _DIED | _ANSWERED),
    "huge": Mode("huge", {"mebibytes": 64}, _ANSWERED),
    "slow": Mode("slow", {"first_ms": 1000, "chunks": 20, "chunk_bytes": 64, "every_ms": 50}, _ANSWERED),
    "cut": Mode("cut", {"after_chunks": 3}, _DIED, at_once=True),
}


class HandlerDosArguments(FaultArguments):
    """What the fault takes in an experiment."""

    model: str = Field(min_length=1, description="the hostile model")
    mode: ModeName = "occupy"
    intensity: int = Field(default=8, ge=1, le=1000, description="requests kept in flight")


class HandlerDos:
    """Keeps hostile requests going against one model, from a traffic worker of its own."""

    Arguments: ClassVar[type[FaultArguments]] = HandlerDosArguments
    needs: ClassVar[Needs] = Needs(capabilities=(Infer,))

    def __init__(self, arguments: HandlerDosArguments) -> None:
        self.arguments = arguments
        self._mode = MODES[arguments.mode]
        self._traffic: RunningTraffic | None = None

    async def inject(self, context: FaultContext) -> None:
        """Start the hostile requests; return when one is in the handler or has shown its effect."""
        if self.arguments.model in context.payloads:
            self._mode = Mode(OWN, context.payloads[self.arguments.model], _ANSWERED | _DIED)
        stream = self._stream(context)
        what = (
            f"model '{self.arguments.model}' of {context.target.url}, by {self.arguments.intensity} requests"
        )
        host = urlsplit(stream.request.url).hostname or ""
        await context.intend(Blast((what,), hosts=(host,)), {"model": self.arguments.model})
        spec = WorkerSpec(worker=f"fault:{stream.name}", streams=(stream,), measures=False)
        self._traffic = await context.traffic(spec)
        with anyio.move_on_after(IN_FORCE_SECONDS):
            await self._traffic.meter.until(lambda: self._busy() or self._effects() > 0 or self._refused())
        if self._refused() or not (self._busy() or self._effects()):
            raise FaultError(self._explain("was not injected"))

    async def hold(self, seconds: float) -> None:
        """Keep them going; at the end there must have been an effect, or nothing was tested."""
        assert self._traffic is not None, "hold comes after inject"  # noqa: S101
        meter = self._traffic.meter
        with anyio.move_on_after(seconds):
            await meter.until(lambda: False)
        if meter.error is not None or not (self._effects() or self._busy()):
            raise FaultError(self._explain("was not in force"))

    @staticmethod
    async def revert(undo: Undo) -> str:
        """The requests ended with their traffic worker, and took those in flight along."""
        return f"the requests to model '{undo['model']}' have ended"

    def _stream(self, context: FaultContext) -> Stream:
        arguments = self.arguments
        if self._mode.at_once:
            arrivals = Arrivals("constant", rate=4.0 * arguments.intensity)
        else:
            arrivals = Arrivals("users", users=arguments.intensity)
        request = need(context.target, Infer).infer_request(arguments.model, self._mode.payload)
        return Stream(f"{arguments.model}:{self._name}", request, arrivals, timeout=30.0, seed=context.seed)

    @property
    def _name(self) -> str:
        return "own" if self._mode.package == OWN else self.arguments.mode

    def _totals(self) -> StreamTotals:
        streams = self._traffic.meter.streams if self._traffic is not None else {}
        return next(iter(streams.values()), StreamTotals())

    def _busy(self) -> bool:
        return not self._mode.at_once and self._totals().in_flight > 0

    def _effects(self) -> int:
        return sum(self._totals().outcomes[outcome] for outcome in self._mode.effects)

    def _refused(self) -> bool:
        outcomes = self._totals().outcomes
        return outcomes[Outcome.HTTP_4XX] + outcomes[Outcome.REFUSED] > 0 and not self._effects()

    def _explain(self, what: str) -> str:
        totals, arguments = self._totals(), self.arguments
        counts = ", ".join(f"{count} {outcome.label}" for outcome, count in sorted(totals.outcomes.items()))
        died = self._traffic.meter.error if self._traffic is not None else None
        worker = f"; its traffic worker died: {died}" if died is not None else ""
        remedy = (
            "does its handler take this payload? name another with --var payload=FILE"
            if self._mode.package == OWN
            else f"is the model registered with the handler package '{self._mode.package}'?"
        )
        return (
            f"handler_dos on model '{arguments.model}', mode {self._name}, {what}: of {totals.sent} requests "
            f"sent, {counts or 'none was answered'}{worker} ({remedy})"
        )
