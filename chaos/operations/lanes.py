"""The lanes of one step: operations as they go over the wire, one after another in a lane, the first of all at once.

What changes something, and inferences, are sent by :mod:`chaos.faults.race`, so that lanes start within a fraction of a
millisecond. Readings begin with them, through the adapter, which knows how to read the answer; so do registrations with
batches, which are more than one request for some systems.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import anyio

from chaos.errors import CapabilityError, TargetError
from chaos.faults.base import FaultError
from chaos.faults.race import Attempt, Entry, race
from chaos.operations.program import Operation
from chaos.targets.base import ControlRequests, Describe, Infer, Register, RegisterBatched, Target, need
from chaos.targets.context import UnansweredError
from chaos.targets.http import Answer, RefusedError
from chaos.traffic.spec import NONCE, HttpRequest

__all__ = ["PACKAGES", "Lanes"]

PACKAGES: Mapping[str, str] = {
    "good": "sleep",
    "broken": "broken",
    "scarce": "scarce",
    "missing": "no-such-package",
    "hungry": "allocate",
}
"""What a program's packages are called in a target's model store."""

READS = ("describe", "list")
GONE = 404
BATCH_SECONDS = 0.02
"""How long a worker that is free waits for a batch to fill."""
_PID = re.compile(rb'\\*"pid\\*"\s*:\s*(\d+)')

Emit = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class _Asked:
    """An operation on the wire; ``nonce`` is what the answer of an inference has to hold."""

    request: HttpRequest
    nonce: str = ""


class Lanes:
    """Runs lanes, and writes a ``call`` event for each operation (:mod:`chaos.operations.record`).

    :param names: the real names of the program's models
    :param seconds: how long an answer is waited for
    """

    def __init__(self, target: Target, names: Mapping[str, str], seconds: float, emit: Emit) -> None:
        self._target = target
        self._names = names
        self._seconds = seconds
        self._emit = emit
        self._numbers = count()

    async def run(self, step: int, lanes: Sequence[Sequence[Operation]]) -> None:
        """Return when all lanes have ended.

        :raises CapabilityError: if the target has no such operation
        """
        running = [_Lane(self, step, number, lane) for number, lane in enumerate(lanes)]
        go = anyio.Event()
        racing = [lane for lane in running if lane.sends]
        entries = [lane.entry() for lane in racing]

        def ended(attempt: Attempt) -> None:
            racing[attempt.index].first(attempt)

        async with anyio.create_task_group() as tasks:
            for lane in running:
                tasks.start_soon(lane.run, go)
            if racing:
                try:
                    await race(entries, self._seconds, ended, go.set)
                except FaultError as error:  # the target does not take connections, or not so many
                    go.set()
                    for lane in racing:
                        lane.never_sent(str(error))
            go.set()

    def request(self, operation: Operation) -> _Asked:
        """How it looks on the wire; an inference with a nonce of its own."""
        name = self._names.get(operation.model, "")
        if operation.do == "infer":
            nonce = secrets.token_hex(8)
            payload = {"sleep_ms": operation.milliseconds, "pid": True, "nonce": NONCE}
            request = need(self._target, Infer).infer_request(name, payload)
            body = request.body.replace(NONCE.encode(), nonce.encode())
            headers = tuple((key, value.replace(NONCE, nonce)) for key, value in request.headers)
            return _Asked(replace(request, body=body, headers=headers), nonce)
        package = PACKAGES[operation.package] if operation.do in ("register", "load") else ""
        control = need(self._target, ControlRequests)
        return _Asked(control.control_request(operation.do, name, operation.workers, package))

    async def ask(self, operation: Operation) -> dict[str, Any]:
        """Ask through the adapter, and tell how that ended."""
        told: dict[str, Any] = {"start": time.monotonic(), "outcome": "info", "detail": "no answer in time"}
        with anyio.move_on_after(self._seconds):
            try:
                what = await self._through_adapter(operation)
                told |= {"outcome": "ok", "status": 200, "detail": "", "told": what}
            except UnansweredError as error:
                told |= {"detail": str(error)}
            except TargetError as error:
                status = error.status if isinstance(error, RefusedError) else GONE
                told |= {"outcome": "fail", "status": status, "detail": str(error)}
        return {**told, "end": time.monotonic()}

    async def _through_adapter(self, operation: Operation) -> Any:
        """What it told, if it tells something."""
        name = self._names.get(operation.model, "")
        if operation.do == "list":
            listed = await need(self._target, Describe).models()
            return sorted(model for model, name in self._names.items() if name in listed)
        if operation.do == "describe":
            state = await need(self._target, Describe).describe(name)
            return {"desired": state.desired, "workers": state.workers}
        package, workers = PACKAGES[operation.package], operation.workers
        try:
            batches = need(self._target, RegisterBatched)
            await batches.register_batched(name, package, workers, operation.batch, BATCH_SECONDS)
        except CapabilityError:  # it may only turn out now that this server has no batches that we know of
            await need(self._target, Register).register(name, package, workers)
        return None

    async def send(self, operation: Operation, asked: _Asked) -> list[Attempt]:
        """Send one by itself, and again if its answer is to be lost."""
        entry = Entry(asked.request, operation.lose)
        try:
            return await race([entry], self._seconds)
        except FaultError as error:
            now = time.monotonic()
            return [Attempt(0, False, False, now, now, "fail", detail=str(error))]

    def wrote(self, step: int, lane: int, operation: Operation, number: int, **told: Any) -> None:
        """Write one down."""
        about = {"operation": operation.do, "model": operation.model, "workers": operation.workers}
        package = operation.package if operation.do in ("register", "load") else ""
        about |= {"package": package, "milliseconds": operation.milliseconds}
        self._emit("call", told["end"], number=number, step=step, lane=lane, **about, **told)

    def number(self) -> int:
        """That of the next operation."""
        return next(self._numbers)

    def told(self, asked: _Asked, attempt: Attempt) -> dict[str, Any]:
        """An attempt as it is written down; of an inference also who answered, and whether it is what was asked."""
        request, told = asked.request, None
        if asked.nonce and attempt.outcome == "ok":
            found = _PID.search(attempt.body)
            told = {"pid": int(found[1]) if found else None, "own": asked.nonce.encode() in attempt.body}
        words = (
            Answer(request.method, request.url, attempt.status, attempt.body).words if attempt.status else ""
        )
        outcome, detail = attempt.outcome, attempt.detail or words
        return {
            "start": attempt.start,
            "end": attempt.end,
            "outcome": outcome,
            "status": attempt.status,
            "detail": "" if outcome == "ok" else detail,
            "lost": attempt.lost and not attempt.again,
            "again": attempt.again,
            "told": told,
        }


class _Lane:
    """One lane of a step."""

    def __init__(self, lanes: Lanes, step: int, number: int, operations: Sequence[Operation]) -> None:
        self._lanes = lanes
        self._place = step, number
        self._operations = operations
        self._first_ended = anyio.Event()
        first = operations[0]
        self.sends = first.do != "pause" and not _by_adapter(first)
        self._asked = lanes.request(first) if self.sends else None
        self._number = lanes.number() if self.sends else -1

    def entry(self) -> Entry:
        """Its first operation, for the race."""
        assert self._asked is not None  # noqa: S101 - asked of lanes that send
        return Entry(self._asked.request, self._operations[0].lose)

    def first(self, attempt: Attempt) -> None:
        """The first operation ended; of one whose answer was lost, the second sending counts."""
        assert self._asked is not None  # noqa: S101
        self._wrote(self._operations[0], self._asked, attempt, self._number)
        if attempt.again or not attempt.lost:
            self._first_ended.set()

    def never_sent(self, why: str) -> None:
        """It could not be brought to the start."""
        if not self._first_ended.is_set():
            now = time.monotonic()
            self.first(Attempt(0, False, False, now, now, "fail", detail=why))

    async def run(self, go: anyio.Event) -> None:
        """All operations, one after another."""
        await go.wait()
        for place, operation in enumerate(self._operations):
            if operation.do == "pause":
                await anyio.sleep(operation.milliseconds / 1000.0)
            elif _by_adapter(operation):
                number = self._lanes.number()
                self._lanes.wrote(*self._place, operation, number, **await self._lanes.ask(operation))
            elif place == 0:
                await self._first_ended.wait()
            else:
                asked, number = self._lanes.request(operation), self._lanes.number()
                for attempt in await self._lanes.send(operation, asked):
                    self._wrote(operation, asked, attempt, number)

    def _wrote(self, operation: Operation, asked: _Asked, attempt: Attempt, number: int) -> None:
        told = self._lanes.told(asked, attempt)
        if attempt.again:
            number = self._lanes.number()
        self._lanes.wrote(*self._place, operation, number, **told)


def _by_adapter(operation: Operation) -> bool:
    """Whether the adapter asks, and not a request that we send."""
    return operation.do in READS or operation.batch > 1


def fresh_name(model: str, tag: str) -> str:
    """A name for a model of a program that nobody has; whoever cleans up after a killed run knows it by the tag."""
    return f"{model}-{tag}{secrets.token_hex(3)}"


def as_text(document: object) -> str:
    """A document as one line of JSON, the same for the same document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
