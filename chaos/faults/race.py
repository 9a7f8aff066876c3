"""Requests that start at once: all but the ends are sent ahead, and these are then let go back to back.

Each request has a TCP connection of its own. When every server end holds a request that lacks only its last byte, the
last bytes are sent in one go, so that neither connecting nor sending spreads them: last-byte synchronisation,
as J. Kettle describes it in "Smashing the state machine: the true potential of web race conditions" (PortSwigger,
2023). The spread is measured, never assumed.
"""

from __future__ import annotations

import ctypes
import gc
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Literal

import anyio

from chaos.faults.base import FaultError
from chaos.faults.raw_http import LOST, HeldRequest, Reply
from chaos.traffic.spec import HttpRequest

__all__ = ["Attempt", "Entry", "Loss", "race"]

ARM_SECONDS = 5.0
"""How long connecting and sending all but the end of a request may take."""
WARM_SECONDS = 0.05
"""For the server to accept the connections and read what there is."""

Loss = Literal["", "answered", "early"]
"""When a client lets go of its answer: never, when its first byte is there, or as soon as the request is sent."""

Outcome = Literal["ok", "fail", "info"]

_FLAGS = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)
# PyDLL: other than socket.send, it keeps the interpreter's lock. A thread that computes could otherwise take it
# between two sends, and give it back only five milliseconds later.
_send = ctypes.PyDLL(None).send
_send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_send.restype = ctypes.c_ssize_t


@dataclass(frozen=True, slots=True)
class Entry:
    """A request of a race. One whose answer is lost is sent ``again`` at once, as most clients do."""

    request: HttpRequest
    loss: Loss = ""
    again: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of a request, and what came of it.

    ``index`` is the place of its entry; ``again`` says that it is the second sending of one whose answer was ``lost``.
    ``start`` and ``end`` are instants of the monotonic clock: the last byte was sent, the answer was complete.
    ``outcome`` is ``ok`` (2xx), ``fail`` (another status, or never sent), or ``info``: without a complete answer nobody
    knows. ``status`` is 0 without an answer, ``body`` at most 64 KiB of it. ``spread`` is the time in seconds
    in which the race that it is part of was let go; 0 if it was sent again.
    """

    index: int
    again: bool
    lost: bool
    start: float
    end: float
    outcome: Outcome
    status: int = 0
    body: bytes = b""
    detail: str = ""
    spread: float = 0.0

    @property
    def never_sent(self) -> bool:
        """Whether it certainly had no effect, as the server did not get all of it."""
        return self.outcome == "fail" and not self.status


async def race(
    entries: Sequence[Entry],
    seconds: float,
    ended: Callable[[Attempt], None] = lambda _: None,
    starting: Callable[[], None] = lambda: None,
) -> list[Attempt]:
    """Start all requests at once, in their order, and see each of them end.

    :param seconds: for the answers, those to what is sent again included
    :param ended: told of each attempt as it ends, also when the race is cancelled
    :param starting: called when all are at the start, and about to be let go
    :raises FaultError: if not all of them could be brought to the start; none was let go then
    """
    attempts: list[Attempt] = []

    def report(attempt: Attempt) -> None:
        attempts.append(attempt)
        ended(attempt)

    held = [_held(entry.request) for entry in entries]
    try:
        async with anyio.create_task_group() as tasks:
            for one in held:
                tasks.start_soon(one.arm, ARM_SECONDS)
        for one in held:
            if one.error:
                raise FaultError(one.error)
        if len(held) > 1:
            await anyio.sleep(WARM_SECONDS)
        starting()
        released = _release(held)
        async with anyio.create_task_group() as tasks:
            for index, (entry, one) in enumerate(zip(entries, held, strict=True)):
                run = _Run(index, entry, released[0].start + seconds, report)
                tasks.start_soon(run.first, one, released[index])
    finally:
        for one in held:
            one.close()
    return attempts


def _held(request: HttpRequest) -> HeldRequest:
    try:
        return HeldRequest(request)
    except ValueError as error:
        raise FaultError(f"the request cannot be sent: {error}") from None


@dataclass(frozen=True, slots=True)
class _Released:
    """That a last byte was sent, or why not."""

    start: float
    spread: float
    problem: str = ""


def _release(held: Sequence[HeldRequest]) -> list[_Released]:
    """Send the last bytes. The spread is from before the first to after the last.

    The bytes before the last go first, all of them: they wake the server, whose wake-ups would else fall between
    the last bytes and take longer than the sending itself.
    """
    lasts = [(one.fileno, one.last, len(one.last)) for one in held]
    starts: list[float] = []
    sent: list[int] = []
    with _undisturbed():
        for one in held:
            _send(one.fileno, one.before_last, len(one.before_last), _FLAGS)
        for fileno, last, size in lasts:
            starts.append(time.monotonic())
            sent.append(_send(fileno, last, size, _FLAGS))
        spread = time.monotonic() - starts[0]
    closed = "{}: the server closed the connection before the request was whole (does it limit connections?)"
    return [
        _Released(start, spread, "" if count == len(one.last) else closed.format(one.url))
        for one, start, count in zip(held, starts, sent, strict=True)
    ]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Not for the garbage collector; nor, where that is allowed, for another process. Nothing inside may wait."""
    collecting = gc.isenabled()
    gc.disable()
    before = None
    with suppress(AttributeError, OSError):  # on Linux this is about the calling thread alone
        before = os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        if before is not None:
            with suppress(OSError):
                os.sched_setscheduler(0, *before)
        if collecting:
            gc.enable()


@dataclass(frozen=True, slots=True)
class _Run:
    """One entry after the start."""

    index: int
    entry: Entry
    deadline: float
    report: Callable[[Attempt], None]

    async def first(self, held: HeldRequest, released: _Released) -> None:
        """See it end; if its answer was lost, send it again, with nothing to wait for."""
        await self._finish(held, released, self.entry.loss)
        if not (self.entry.loss and self.entry.again):
            return
        held = HeldRequest(self.entry.request)
        try:
            await held.arm(min(ARM_SECONDS, self.deadline - time.monotonic()))
            released = _Released(time.monotonic(), 0.0, held.error) if held.error else _release([held])[0]
            await self._finish(held, replace(released, spread=0.0), "", again=True)
        finally:
            held.close()

    async def _finish(
        self, held: HeldRequest, released: _Released, loss: Loss, *, again: bool = False
    ) -> None:
        """Wait for the answer, or let go of it; report in any case."""
        reply, detail = Reply(), "cut short"
        try:
            detail = released.problem or await self._wait(held, reply, loss)
        finally:
            held.close()
            outcome: Outcome = "fail" if released.problem else "info"
            if reply.complete:
                outcome = "ok" if 200 <= reply.status < 300 else "fail"
            attempt = Attempt(
                index=self.index,
                again=again,
                lost=bool(loss),
                start=released.start,
                end=time.monotonic(),
                outcome=outcome,
                status=reply.status if reply.complete else 0,
                body=bytes(reply.body),
                detail=detail,
                spread=released.spread,
            )
            self.report(attempt)

    async def _wait(self, held: HeldRequest, reply: Reply, loss: Loss) -> str:
        """Read the answer; why there is none that is whole, in words."""
        if loss == "early":
            return "let go of before it was answered"
        with anyio.move_on_after(max(0.0, self.deadline - time.monotonic())):
            try:
                if loss == "answered":
                    await held.receive(1)
                    return "answered, and the answer was lost"
                while not reply.complete:
                    reply.feed(await held.receive())
            except LOST as error:
                reply.closed()
                return "" if reply.complete else f"the connection was cut: {error or type(error).__name__}"
            return ""
        return "no answer in time"
