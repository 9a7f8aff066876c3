"""Runs something until it ends or a signal asks for the end; then it is cancelled, and has the time to clean up."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskStatus

from chaos.errors import single

__all__ = ["until_signalled"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def until_signalled(function: Callable[[], Awaitable[object]]) -> int:
    """Run it in an event loop of its own; the number of the signal that cut it short, 0 if none did.

    Signals that come while it cleans up are heard, and change nothing: all of that is under deadlines.
    """
    return anyio.run(_run, function, backend_options={"use_uvloop": True})


async def _run(function: Callable[[], Awaitable[object]]) -> int:
    caught: list[int] = []
    try:
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as scope:
                await tasks.start(_listen, scope, caught)
                await function()
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise single(group) from None
    return caught[0] if caught else 0


async def _listen(
    scope: anyio.CancelScope, caught: list[int], *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    # one that is ignored stays so, such as SIGINT of a job in the background
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    with anyio.open_signal_receiver(*heeded) as signals:
        task_status.started()
        async for number in signals:
            caught.append(int(number))
            scope.cancel()
