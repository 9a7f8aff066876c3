"""The links to all replicas: made, kept, watched over, and reported to the manager."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from chaos.embedded.pulse import BEAT_SECONDS
from chaos.embedded.replica_link import LinkOwner, ReplicaLink

__all__ = ["Switchboard"]

LEAST_SECONDS = 10.0
"""A link may be cut so long, however short its model's response timeout is: that alone is no fault of the replica."""


class Switchboard:
    """Owns one :class:`ReplicaLink` for each replica, by its number.

    :param owner: who is told what happens on the links, and passes :meth:`came` and :meth:`went` on
    :param say: tells the manager
    :param tasks: where the links live
    :param again: False for the defect ``proxy_never_reconnects``
    """

    def __init__(
        self, owner: LinkOwner, token: str, say: Callable[..., Any], tasks: asyncio.TaskGroup, again: bool
    ) -> None:
        self._owner = owner
        self._token = token
        self._say = say
        self._tasks = tasks
        self._again = again
        self._links: dict[int, ReplicaLink] = {}
        self._keepers: dict[int, asyncio.Task[None]] = {}
        self._patience: dict[int, float] = {}
        self._clocks: dict[int, asyncio.TimerHandle] = {}
        self._stuck: set[int] = set()

    def __getitem__(self, replica: int) -> ReplicaLink:
        return self._links[replica]

    def __contains__(self, replica: int) -> bool:
        return replica in self._links

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._links))

    def add(self, replica: int, port: int, patience: float) -> bool:
        """Make a replica's link, unless it is there; then all that is known of it is said again, as the manager's
        end may be a new connection.

        :param patience: how long a handler may take, in seconds; a replica that is away for longer is replaced
        :return: whether it is new
        """
        self._patience[replica] = patience
        if replica in self._links:
            self._report(replica)
            if replica in self._stuck:
                self._say(stuck=replica)
            return False
        link = self._links[replica] = ReplicaLink(self._owner, replica, port, self._token, self._again)
        self._keepers[replica] = self._tasks.create_task(link.keep())
        self._start_clock(replica)
        return True

    def remove(self, replica: int) -> None:
        """Break a link for good, without a word to the owner."""
        self._stop_clock(replica)
        self._stuck.discard(replica)
        self._keepers.pop(replica).cancel()
        self._links.pop(replica).forget()
        del self._patience[replica]

    def came(self, replica: int) -> None:
        """A link stands."""
        self._stop_clock(replica)
        self._report(replica)

    def went(self, replica: int) -> None:
        """A link broke."""
        self._report(replica)
        self._start_clock(replica)

    def replace(self, replica: int) -> None:
        """Have the manager kill a replica and start another."""
        self._stuck.add(replica)
        self._say(stuck=replica)

    async def beat(self) -> None:
        """Watch over the links until cancelled: one that was cut without a word is noticed by its silence."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            for link in list(self._links.values()):
                link.beat()

    def _report(self, replica: int) -> None:
        link = self._links[replica]
        self._say(**{"up" if link.up else "down": replica, "since": link.since})

    def _start_clock(self, replica: int) -> None:
        self._stop_clock(replica)
        if self._again:
            seconds = max(self._patience[replica], LEAST_SECONDS)
            self._clocks[replica] = asyncio.get_running_loop().call_later(seconds, self.replace, replica)

    def _stop_clock(self, replica: int) -> None:
        clock = self._clocks.pop(replica, None)
        if clock is not None:
            clock.cancel()
