"""Which request goes to which replica, and when: queues and slots, without any input or output.

Requests wait in *lanes*, first in, first out; free replicas stand in *pools*. A correct platform has a lane
and a pool for each model, so no model ever waits for another; the two isolation defects only change which
lane or which pool a model is given.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from chaos.embedded.defects import Defect

__all__ = ["Dispatcher", "Refused", "Ticket"]


class Ticket(Protocol):
    """A request that waits or is served."""

    @property
    def model(self) -> str:
        """Whose request it is."""


class Refused(Exception):  # noqa: N818
    """A request was not taken: its model is unknown (``unknown``), or no worker can serve it (``busy``)."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


T = TypeVar("T", bound=Ticket)


@dataclass(slots=True)
class _Model:
    workers: int
    limit: int
    closed: bool = False
    queued: int = 0
    in_flight: int = 0


@dataclass(slots=True)
class _Replica(Generic[T]):
    model: str
    draining: bool = False
    connected: bool = False
    ticket: T | None = None
    owner: _Model | None = None


@dataclass(slots=True)
class _Lane(Generic[T]):
    waiting: deque[tuple[int, T]] = field(default_factory=deque)


class Dispatcher(Generic[T]):
    """Call a method that changes something, then take assignments with :meth:`next` until there are none."""

    def __init__(self, defects: frozenset[Defect] = frozenset()) -> None:
        self._shared_queue = Defect.SHARED_QUEUE in defects
        self._shared_pool = Defect.SHARED_WORKER_POOL in defects
        self._models: dict[str, _Model] = {}
        self._replicas: dict[int, _Replica[T]] = {}
        self._lanes: dict[str, _Lane[T]] = {}
        self._free: dict[str, deque[int]] = {}
        self._arrivals = itertools.count()

    def _lane(self, model: str) -> _Lane[T]:
        return self._lanes.setdefault("" if self._shared_queue else model, _Lane())

    def _pool(self, model: str) -> deque[int]:
        return self._free.setdefault("" if self._shared_pool else model, deque())

    def set_model(self, name: str, *, workers: int, limit: int, closed: bool = False) -> None:
        """Know a model: how many workers it is meant to have, how many requests may wait, whether it takes more."""
        model = self._models.setdefault(name, _Model(workers, limit))
        model.workers, model.limit, model.closed = workers, limit, closed

    def remove_model(self, name: str) -> list[T]:
        """Forget a model; the requests that still waited are given back, oldest first."""
        lane = self._lane(name)
        dropped = [ticket for _, ticket in lane.waiting if ticket.model == name]
        lane.waiting = deque(entry for entry in lane.waiting if entry[1].model != name)
        self._models.pop(name, None)
        return dropped

    def add_replica(self, replica: int, model: str) -> None:
        """Know a replica; it gets requests once it is connected."""
        self._replicas.setdefault(replica, _Replica(model))

    def connected(self, replica: int) -> None:
        """A replica's link stands and it is idle."""
        slot = self._replicas[replica]
        slot.connected = True
        if slot.ticket is None and not slot.draining and replica not in self._pool(slot.model):
            self._pool(slot.model).append(replica)

    def disconnected(self, replica: int) -> T | None:
        """A replica's link is gone; the request that was with it, if any, is given back and never sent again."""
        slot = self._replicas[replica]
        slot.connected = False
        return self._take_back(replica, slot)

    def drain(self, replica: int) -> None:
        """Give a replica no more requests."""
        slot = self._replicas[replica]
        slot.draining = True
        self._withhold(replica, slot)

    def drained(self, replica: int) -> bool:
        """Whether a replica was told to drain and has no request."""
        slot = self._replicas[replica]
        return slot.draining and slot.ticket is None

    def remove_replica(self, replica: int) -> T | None:
        """Forget a replica; the request that was with it, if any, is given back."""
        slot = self._replicas.get(replica)
        if slot is None:
            return None
        ticket = self._take_back(replica, slot)
        del self._replicas[replica]
        return ticket

    def submit(self, ticket: T) -> None:
        """Put a request in its queue.

        :raises Refused: if its model is unknown, has no workers, or the queue is full
        """
        model = self._models.get(ticket.model)
        if model is None or model.closed:
            raise Refused("unknown")
        workers = sum(each.workers for each in self._models.values()) if self._shared_pool else model.workers
        if workers == 0:
            raise Refused("busy")
        lane = self._lane(ticket.model)
        if len(lane.waiting) >= model.limit:
            raise Refused("busy")
        lane.waiting.append((next(self._arrivals), ticket))
        model.queued += 1

    def withdraw(self, ticket: T) -> bool:
        """Take a waiting request out of its queue. False if it waits no more."""
        waiting = self._lane(ticket.model).waiting
        for index, (_, other) in enumerate(waiting):
            if other is ticket:
                del waiting[index]
                self._models[ticket.model].queued -= 1
                return True
        return False

    def next(self) -> tuple[T, int] | None:
        """The oldest request at the head of a lane for which a replica is free, with that replica."""
        best: tuple[int, T] | None = None
        lane: _Lane[T] | None = None
        for candidate in self._lanes.values():
            if candidate.waiting:
                head = candidate.waiting[0]
                if (best is None or head[0] < best[0]) and self._pool(head[1].model):
                    best, lane = head, candidate
        if best is None or lane is None:
            return None
        lane.waiting.popleft()
        ticket = best[1]
        replica = self._pool(ticket.model).popleft()
        model = self._models[ticket.model]
        slot = self._replicas[replica]
        slot.ticket, slot.owner = ticket, model
        model.queued -= 1
        model.in_flight += 1
        return ticket, replica

    def release(self, replica: int) -> bool:
        """A replica has finished its request. True if it was draining, so that it may go now."""
        slot = self._replicas[replica]
        self._take_back(replica, slot)
        if slot.connected and not slot.draining:
            self._pool(slot.model).append(replica)
        return slot.draining

    def quiet(self, model: str) -> bool:
        """Whether no request of a model waits or is in flight."""
        state = self._models.get(model)
        return state is None or state.queued + state.in_flight == 0

    def queued(self, model: str) -> int:
        """How many requests of a model wait."""
        state = self._models.get(model)
        return state.queued if state else 0

    def available(self, model: str) -> int:
        """How many replicas with a standing link serve a model."""
        return sum(
            slot.connected and not slot.draining and slot.model == model for slot in self._replicas.values()
        )

    def _take_back(self, replica: int, slot: _Replica[T]) -> T | None:
        self._withhold(replica, slot)
        ticket, slot.ticket = slot.ticket, None
        if slot.owner is not None:  # not looked up by name: that may be another registration by now
            slot.owner.in_flight -= 1
            slot.owner = None
        return ticket

    def _withhold(self, replica: int, slot: _Replica[T]) -> None:
        pool = self._pool(slot.model)
        if replica in pool:
            pool.remove(replica)
