"""Faults for programs: each is a lease as in every run, written down before it is injected, and held until reverted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
from anyio.abc import TaskGroup

from chaos.errors import ChaosError, DocumentError
from chaos.faults.base import FaultError
from chaos.session.leases import Leases, MakeContext

__all__ = ["LeaseInjector"]

LONGEST_SECONDS = 120.0
"""No program holds a fault for longer."""


class LeaseInjector:
    """Holds each fault in a task of its own.

    :param make: makes what a fault is given
    :param tasks: outlives every program
    """

    def __init__(self, leases: Leases, make: MakeContext, tasks: TaskGroup) -> None:
        self._leases = leases
        self._make = make
        self._tasks = tasks

    async def inject(self, name: str, arguments: Mapping[str, Any]) -> Callable[[], Awaitable[None]]:
        """Return when it is in force, with what reverts it.

        :raises FaultError: if it cannot be
        :raises DocumentError: if there is no such fault, or its arguments do not fit
        """
        in_force, ended = anyio.Event(), anyio.Event()
        scope = anyio.CancelScope()
        failed: list[ChaosError] = []

        async def hold() -> None:
            try:
                with scope:
                    await self._leases.hold(name, dict(arguments), LONGEST_SECONDS, self._make, in_force.set)
            except ChaosError as error:
                failed.append(error)
            finally:
                ended.set()
                in_force.set()

        self._tasks.start_soon(hold)
        try:
            await in_force.wait()
        except BaseException:
            scope.cancel()
            raise
        if failed and isinstance(failed[0], DocumentError):
            raise failed[0]
        if failed:
            raise FaultError(str(failed[0])) from failed[0]

        async def revert() -> None:
            scope.cancel()
            with anyio.CancelScope(shield=True):
                await ended.wait()

        return revert
