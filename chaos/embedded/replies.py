"""What is with the replicas: requests are given to them, and their answers passed on to who asked.

Nothing that a handler may have seen is sent twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any
from typing import Protocol as Interface

from chaos.embedded.breaker import Breaker
from chaos.embedded.call import Call
from chaos.embedded.defects import Defect
from chaos.embedded.dispatch import Dispatcher, Refused
from chaos.embedded.lateness import Lateness
from chaos.embedded.metrics import Metrics
from chaos.embedded.orphans import Orphans, worker_died
from chaos.embedded.routes import ModelRoute
from chaos.embedded.switchboard import Switchboard
from chaos.embedded.wire import STREAM

__all__ = ["Replies", "RepliesOwner"]


class RepliesOwner(Interface):
    """Who hands requests out, and speaks to the manager."""

    metrics: Metrics

    def pump(self) -> None:
        """A replica may be free."""

    def check_quiet(self, model: str) -> None:
        """A request of this model has ended."""

    def check_drained(self, replica: int) -> None:
        """A replica may have no request left."""

    def say(self, **message: Any) -> None:
        """Tell the manager."""


class Replies:
    """Runs in one event loop; all its methods return at once. It is told by its ``links`` what happens on them.

    :param tasks: where the links live
    """

    def __init__(
        self,
        owner: RepliesOwner,
        dispatcher: Dispatcher[Call],
        token: str,
        tasks: asyncio.TaskGroup,
        defects: frozenset[Defect],
    ) -> None:
        again = Defect.PROXY_NEVER_RECONNECTS not in defects
        self.links = Switchboard(self, token, owner.say, tasks, again)
        self.orphans = Orphans()
        self.breaker = Breaker(defects)
        self._owner = owner
        self._dispatcher = dispatcher
        self._metrics = owner.metrics
        self._defects = defects
        self._in_turn = Defect.ANSWERS_IN_TURN in defects
        self._lateness = Lateness(defects)
        self._serving: dict[int, Call] = {}
        self._behind: dict[int, deque[Call]] = {}  # the rest of a batch, in the order of its answers
        self._loop = asyncio.get_running_loop()

    # requests

    def give(self, calls: list[Call], replica: int, route: ModelRoute, now: float) -> None:
        """Send a request, or a batch of them, to a replica that is free."""
        requests = []
        for call in calls:
            call.started, call.replica, call.limit = now, replica, route.timeout
            requests.append((call.header(route), call.exchange.body, call.exchange.size))
        if len(calls) > 1:
            if Defect.BATCH_MIXES_ANSWERS in self._defects:
                calls = calls[::-1]
            self._behind[replica] = deque(calls[1:])
        self._serving[replica] = calls[0]
        self._arm(calls[0], route.timeout)
        late = self._lateness.seconds(replica, len(calls), now) if self._lateness.ever else 0.0
        if late:
            self._loop.call_later(late, self.links[replica].send, requests)
        else:
            self.links[replica].send(requests)

    def held_up(self) -> bool:
        """The defect ``answers_in_turn``: an answer is being passed on, and nothing can be given."""
        return self._in_turn and any(call.answering for call in self._serving.values())

    def drop(self, call: Call) -> None:
        """A client left: the handler that has its request goes on, its answer is dropped.

        Only a stream is broken off: it might never end.
        """
        if self._serving.get(call.replica) is call:
            self._drop_answer(call)

    def flow(self, call: Call, paused: bool) -> None:
        """A client reads too slowly for the answer, or fast enough again.

        The others of a batch do not wait for it: its answer, which is whole, is kept for it here.
        """
        if self._serving.get(call.replica) is call and call.replica not in self._behind:
            if paused:
                self.links[call.replica].pause()
            else:
                self.links[call.replica].resume()

    def _arm(self, call: Call, seconds: float) -> None:
        call.disarm()
        call.timer = self._loop.call_later(seconds, self._overdue, call)

    def _overdue(self, call: Call) -> None:
        """A handler took too long: kill it. Or a client does not read its answer: cut it off, keep the worker.

        A whole answer has so long to be read in all, a stream so long to its next piece.
        """
        if call.answering:
            left = call.touched + call.limit - time.monotonic()
            reader = call.exchange.paused if call.streaming else call.exchange.alive
            if left > 0 and (call.streaming or not reader):
                self._arm(call, left)
                return
            call.exchange.abort()
            if reader:
                self._arm(call, call.limit)
                self._drop_answer(call)
                return
        else:
            worker_died((call, *self._behind.get(call.replica, ())), 0)
        self.links.replace(call.replica)
        self.links[call.replica].cut()

    def _drop_answer(self, call: Call) -> None:
        """Nobody wants it any more."""
        if call.streaming:
            self.links[call.replica].cut()
        else:
            self.links[call.replica].resume()

    # what a replica's link says

    def link_up(self, replica: int) -> None:
        self.links.came(replica)

    def link_idle(self, replica: int) -> None:
        self._dispatcher.connected(replica)
        self._owner.pump()

    def link_lost(self, replica: int) -> None:
        self.links.went(replica)
        calls = self._dispatcher.disconnected(replica)
        self._release(replica, calls)
        orphans = []
        for call in calls:
            if call.answering:
                call.exchange.abort()
            elif call.exchange.alive and not self._sent_again(call):
                orphans.append(call)
        if orphans:
            self.orphans.take(replica, orphans)
        if calls:
            self.breaker.lost()
            self._owner.check_quiet(calls[0].model)
        self._owner.check_drained(replica)

    def _sent_again(self, call: Call) -> bool:
        """The defect: a handler may have seen the request, and another will."""
        if Defect.PROXY_RETRIES not in self._defects:
            return False
        try:
            self._dispatcher.submit(call)
        except Refused:
            return False
        self._owner.pump()
        return True

    def answer_head(self, replica: int, header: dict[str, Any], length: int) -> None:
        call = self._serving.get(replica)
        if call is None:
            return
        call.answering, call.streaming, call.touched = True, length == STREAM, time.monotonic()
        self._arm(call, call.limit)
        status = int(header["status"])
        self._metrics.answered(status)
        call.exchange.begin(status, None if call.streaming else length, str(header["type"]))
        if call.streaming and not call.exchange.alive:
            self._drop_answer(call)
        elif call.exchange.paused and replica not in self._behind:  # by what is left of its last answer
            self.links[replica].pause()

    def answer_body(self, replica: int, chunk: bytes) -> None:
        call = self._serving.get(replica)
        if call is not None:
            call.touched = time.monotonic()
            call.exchange.send(chunk)

    def answer_broken(self, replica: int) -> None:
        call = self._serving.get(replica)
        if call is not None:
            call.exchange.abort()
            self.answer_end(replica)

    def answer_end(self, replica: int) -> None:
        call = self._serving.pop(replica, None)
        if call is None:
            return
        call.disarm()
        self._metrics.served(call.model, time.monotonic() - call.arrived, call.started - call.arrived)
        self.links[replica].resume()
        if replica in self._behind:
            self._answer_next(replica)
            call.exchange.end()
            return
        drained = self._dispatcher.release(replica)
        call.exchange.end()
        if drained and Defect.DRAIN_UNNOTICED not in self._defects:
            self._owner.say(drained=replica)
        self._owner.check_quiet(call.model)
        self._owner.pump()

    def _answer_next(self, replica: int) -> None:
        """The next answer from a replica is the next request's of its batch."""
        behind = self._behind[replica]
        call = self._serving[replica] = behind.popleft()
        if not behind:
            del self._behind[replica]
        self._arm(call, call.limit)

    # what the route table says

    def let_go(self, replica: int, number: int) -> None:
        """A replica is gone for good, by this signal or by none (0)."""
        calls = self._dispatcher.remove_replica(replica)
        self._release(replica, calls)
        worker_died(calls, number)
        self.links.remove(replica)

    def _release(self, replica: int, calls: Sequence[Call]) -> None:
        """These are with the replica no more."""
        self._serving.pop(replica, None)
        self._behind.pop(replica, None)
        for call in calls:
            call.disarm()
