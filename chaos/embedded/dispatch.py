"""Which request goes to which replica, and when: queues and slots, without any input or output.

Requests wait in *lanes*, first in, first out; free replicas stand in *pools*. A correct platform has a lane
and a pool for each model, so no model ever waits for another; the two isolation defects only change which
lane or which pool a model is given.

A model may be served in batches, as TorchServe does it: from when a replica is free for the first request that waits,
more are waited for, for as long as the model's delay and up to the model's batch size; then they go together. One
batch of a model is gathered at a time, however many of its replicas are free.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from chaos.embedded.defects import Defect
from chaos.embedded.lanes import Lane, Queue, Ticket

__all__ = ["Dispatcher", "Refused"]


class Refused(Exception):  # noqa: N818
    """A request was not taken: its model is unknown (``unknown``), or no worker can serve it (``busy``)."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


T = TypeVar("T", bound=Ticket)


@dataclass(slots=True)
class _Replica(Generic[T]):
    model: str
    draining: bool = False
    connected: bool = False
    tickets: list[T] = field(default_factory=list)
    owner: Queue | None = None


class Dispatcher(Generic[T]):
    """Call a method that changes something, then take assignments with :meth:`next` until there are none."""

    def __init__(self, defects: frozenset[Defect] = frozenset()) -> None:
        self._shared_queue = Defect.SHARED_QUEUE in defects
        self._shared_pool = Defect.SHARED_WORKER_POOL in defects
        self._alone = Defect.BATCH_OF_ONE in defects
        self._full_only = Defect.BATCH_WAITS_FULL in defects
        self._one_short = Defect.LAST_WORKER_IDLE in defects
        self._newest_first = Defect.NEWEST_FIRST in defects
        self._mixed = Defect.BATCH_MIXES_MODELS in defects
        self.batching = False
        """Whether any model is served in batches, so that :meth:`due` is of interest."""
        self._models: dict[str, Queue] = {}
        self._replicas: dict[int, _Replica[T]] = {}
        self._lanes: dict[str, Lane[T]] = {}
        self._free: dict[str, deque[int]] = {}
        self._arrivals = itertools.count()

    def _lane(self, model: str) -> Lane[T]:
        return self._lanes.setdefault("" if self._shared_queue else model, Lane())

    def _pool(self, model: str) -> deque[int]:
        return self._free.setdefault("" if self._shared_pool else model, deque())

    def set_model(
        self,
        name: str,
        *,
        workers: int,
        limit: int,
        closed: bool = False,
        batch: int = 1,
        delay: float = 0.0,
    ) -> None:
        """Know a model: how many workers it is meant to have, how many requests may wait, whether it takes more.

        :param batch: how many requests a replica is given at once, at the most
        :param delay: how long a replica that is free waits for them to be so many, in seconds
        """
        model = self._models.setdefault(name, Queue(workers, limit))
        model.workers, model.limit, model.closed = workers, limit, closed
        model.batch, model.delay = 1 if self._alone else batch, delay
        self.batching = self.batching or model.batch > 1

    def remove_model(self, name: str) -> list[T]:
        """Forget a model; the requests that still waited are given back, oldest first."""
        dropped = self._lane(name).drop(name)
        self._models.pop(name, None)
        if not self._shared_queue:
            del self._lanes[name]
        self.batching = any(model.batch > 1 for model in self._models.values())
        return dropped

    def add_replica(self, replica: int, model: str) -> None:
        """Know a replica; it gets requests once it is connected."""
        self._replicas.setdefault(replica, _Replica(model))

    def connected(self, replica: int) -> None:
        """A replica's link stands and it is idle."""
        slot = self._replicas[replica]
        slot.connected = True
        model = self._models.get(slot.model)
        if self._one_short and model is not None and 1 < model.workers <= self.available(slot.model):
            return
        if not slot.tickets and not slot.draining and replica not in self._pool(slot.model):
            self._pool(slot.model).append(replica)

    def disconnected(self, replica: int) -> list[T]:
        """A replica's link is gone; the requests that were with it, if any, are given back and never sent again."""
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
        return slot.draining and not slot.tickets

    def remove_replica(self, replica: int) -> list[T]:
        """Forget a replica; the requests that were with it, if any, are given back."""
        slot = self._replicas.get(replica)
        if slot is None:
            return []
        tickets = self._take_back(replica, slot)
        del self._replicas[replica]
        if not self._pool(slot.model):
            self._free.pop(slot.model, None)
        return tickets

    def submit(self, ticket: T) -> None:
        """Put a request in its queue. A batch that a free replica waits to have filled is not bound by its limit.

        :raises Refused: if its model is unknown, has no workers, or the queue is full
        """
        model = self._models.get(ticket.model)
        if model is None or model.closed:
            raise Refused("unknown")
        workers = sum(each.workers for each in self._models.values()) if self._shared_pool else model.workers
        if workers == 0:
            raise Refused("busy")
        lane = self._lane(ticket.model)
        if len(lane) >= model.limit and not (model.due is not None and self._pool(ticket.model)):
            raise Refused("busy")
        entry = (next(self._arrivals), ticket)
        if self._newest_first:
            lane.appendleft(entry)
        else:
            lane.append(entry)
        model.queued += 1

    def waiting(self, model: str) -> list[T]:
        """The requests of a model that wait, oldest first."""
        return self._lane(model).of(model)

    def withdraw(self, ticket: T) -> bool:
        """Take a waiting request out of its queue. False if it waits no more."""
        model = self._models.get(ticket.model)
        if model is None or not self._lane(ticket.model).withdraw(ticket):
            return False
        model.queued -= 1
        if model.queued == 0:
            model.due = None
        return True

    def next(self, now: float = 0.0) -> tuple[list[T], int] | None:
        """The oldest requests at the head of a lane for which a replica is free, with that replica: one, or a batch.

        :param now: the time on any clock, in seconds; only batches need it
        """
        best: tuple[int, T] | None = None
        lane: Lane[T] | None = None
        for candidate in self._lanes.values():
            if candidate:
                head = candidate[0]
                if (best is None or head[0] < best[0]) and self._pool(head[1].model):
                    model = self._models[head[1].model]
                    if model.batch == 1 or model.complete(now, self._full_only):
                        best, lane = head, candidate
        if best is None or lane is None:
            return None
        name = best[1].model
        model = self._models[name]
        tickets = [lane.popleft()[1]] if model.batch == 1 else lane.take(name, model.batch)
        model.queued -= len(tickets)
        if self._mixed:
            self._fill_up(tickets, model.batch)
        replica = self._pool(name).popleft()
        slot = self._replicas[replica]
        slot.tickets, slot.owner = tickets, model
        model.in_flight += len(tickets)
        model.due = None
        return tickets, replica

    def _fill_up(self, tickets: list[T], most: int) -> None:
        """The defect ``batch_mixes_models``: what room there is in a batch is for whoever waits."""
        for lane in self._lanes.values():
            while lane and len(tickets) < most:
                ticket = lane.popleft()[1]
                self._models[ticket.model].queued -= 1
                tickets.append(ticket)

    def due(self) -> float | None:
        """When :meth:`next` will give a batch that is being gathered, though it be not full; None if there is none."""
        times = [
            model.due
            for name, model in self._models.items()
            if model.due is not None and model.queued and self._pool(name)
        ]
        return min(times, default=None)

    def release(self, replica: int) -> bool:
        """A replica has finished its requests. True if it was draining, so that it may go now."""
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

    def idle(self, model: str) -> int:
        """How many replicas of a model wait for a request."""
        return len(self._pool(model))

    def _take_back(self, replica: int, slot: _Replica[T]) -> list[T]:
        self._withhold(replica, slot)
        tickets, slot.tickets = slot.tickets, []
        if slot.owner is not None:  # not looked up by name: that may be another registration by now
            slot.owner.in_flight -= len(tickets)
            slot.owner = None
        return tickets

    def _withhold(self, replica: int, slot: _Replica[T]) -> None:
        pool = self._pool(slot.model)
        if replica in pool:
            pool.remove(replica)
