"""Requests whose replica is lost: they are answered as soon as it is known how it died, and soon in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from chaos.embedded.answers import Protocol
from chaos.embedded.call import Call

__all__ = ["Orphans", "worker_died"]

DEATH_SECONDS = 0.3
"""How long to wait for word of how a replica died, before its request is answered without it."""

_SIGKILL = 9


def worker_died(calls: Iterable[Call], number: int) -> None:
    """Answer that the replica died, by a signal or by none (0); all but the Open Inference Protocol tell a kill from an
    exit by the status."""
    for call in calls:
        status = 507 if number == _SIGKILL and call.protocol is not Protocol.OIP else 500
        call.refuse(status, "InternalServerException", "Worker died.")


class Orphans:
    """Of one proxy, by the number of the replica that they were with."""

    def __init__(self) -> None:
        self._calls: dict[int, list[Call]] = {}

    def take(self, replica: int, calls: list[Call]) -> None:
        """Wait for word of a replica whose link broke."""
        self.bury(replica, 0)  # those that an earlier cut of the same link left
        self._calls[replica] = calls
        asyncio.get_running_loop().call_later(DEATH_SECONDS, self.bury, replica, 0)

    def bury(self, replica: int, number: int) -> None:
        """The replica died by this signal, or there was no word of it for long enough."""
        worker_died(self._calls.pop(replica, ()), number)
