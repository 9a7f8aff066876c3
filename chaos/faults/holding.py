"""Holding a fault that helper processes do: for so long, and not without them."""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from chaos.faults.base import FaultError
from chaos.faults.helper import Helper

__all__ = ["hold_helpers"]


async def hold_helpers(helpers: Sequence[Helper], seconds: float, what: str) -> None:
    """Return after ``seconds``.

    :param what: they do, for the error
    :raises FaultError: as soon as one of them has ended
    """

    async def watch(helper: Helper) -> None:
        code = await helper.process.wait()
        ended.append(f"pid {helper.pid}, {_how(code)}")
        tasks.cancel_scope.cancel()

    ended: list[str] = []
    async with anyio.create_task_group() as tasks:
        for helper in helpers:
            tasks.start_soon(watch, helper)
        await anyio.sleep(seconds)
        tasks.cancel_scope.cancel()
    if ended:
        raise FaultError(f"{what} ended before the time was over ({'; '.join(ended)})")


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
