"""Where requests wait: lanes, first in, first out; and what counts for each model whose requests these are."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol, TypeVar

__all__ = ["Lane", "Queue", "Ticket"]


class Ticket(Protocol):
    """A request that waits or is served."""

    @property
    def model(self) -> str:
        """Whose request it is."""


T = TypeVar("T", bound=Ticket)


class Lane(deque[tuple[int, T]]):
    """One model's requests, each with its place among all that ever came; or all models', with a defect."""

    def of(self, model: str) -> list[T]:
        """The requests of a model, oldest first."""
        return [ticket for _, ticket in self if ticket.model == model]

    def drop(self, model: str) -> list[T]:
        """Take all requests of a model out, oldest first."""
        return self.take(model, len(self))

    def withdraw(self, ticket: T) -> bool:
        """Take a request out. False if it is not there."""
        for index, (_, other) in enumerate(self):
            if other is ticket:
                del self[index]
                return True
        return False

    def take(self, model: str, most: int) -> list[T]:
        """Take the oldest requests of a model out, so many at the most; those of others keep their places."""
        taken: list[T] = []
        others: list[tuple[int, T]] = []
        while self and len(taken) < most:
            entry = self.popleft()
            if entry[1].model == model:
                taken.append(entry[1])
            else:
                others.append(entry)
        self.extendleft(reversed(others))
        return taken


@dataclass(slots=True)
class Queue:
    """One model: what is meant, as :meth:`~chaos.embedded.dispatch.Dispatcher.set_model` has it, and how many of its
    requests wait or are served. ``due`` is when the batch that is being gathered goes, if one is.
    """

    workers: int
    limit: int
    closed: bool = False
    batch: int = 1
    delay: float = 0.0
    queued: int = 0
    in_flight: int = 0
    due: float | None = None

    def complete(self, now: float, full_only: bool) -> bool:
        """Whether what waits, beside a free replica, is to wait for more no longer.

        :param full_only: the defect ``batch_waits_full``
        """
        if self.due is None:
            self.due = math.inf if full_only else now + self.delay
        # where no more can come, nothing is waited for
        return self.queued >= self.batch or now >= self.due or self.closed or self.workers == 0
