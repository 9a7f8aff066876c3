"""The AppProxy's core: takes inferences, queues them per model, gives each to a free replica, streams the answer.

It knows only what the route table says. Nothing that a handler may have seen is sent twice.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from chaos.embedded.answers import Protocol, error_body, no_worker
from chaos.embedded.call import Call
from chaos.embedded.control_link import ControlLink
from chaos.embedded.defects import Defect
from chaos.embedded.dispatch import Dispatcher, Refused
from chaos.embedded.exchange import Exchange
from chaos.embedded.lateness import Lateness
from chaos.embedded.metrics import Metrics
from chaos.embedded.routes import ModelRoute, ReplicaRoute, RouteTable
from chaos.embedded.switchboard import Switchboard
from chaos.embedded.wire import STREAM

__all__ = ["Proxy"]

POLL_SECONDS = 0.02
"""How often the defective proxy looks for workers that are free."""

DEATH_SECONDS = 0.3
"""How long to wait for word of how a replica died, before its request is answered without it."""

BREAKER_DEATHS, BREAKER_SECONDS = 3, 2.0
"""So many replicas lost within so long open the circuit breaker, with the defect ``shared_breaker``."""

LEAVING_SECONDS = 2.0
"""How long replicas that leave are still served, with the defect of that name."""

_SIGKILL = 9


class Proxy:
    """Runs in one event loop; all its methods return at once.

    :param tasks: where the replicas' links live
    """

    def __init__(self, token: str, defects: frozenset[Defect], tasks: asyncio.TaskGroup) -> None:
        self.metrics = Metrics()
        self.control: ControlLink | None = None
        self.routes: dict[str, ModelRoute] = {}
        self.synchronised = asyncio.Event()
        again = Defect.PROXY_NEVER_RECONNECTS not in defects
        self.links = Switchboard(self, token, self._say, tasks, again)
        self._dispatcher: Dispatcher[Call] = Dispatcher(defects)
        self._serving: dict[int, Call] = {}
        self._behind: dict[int, deque[Call]] = {}  # the rest of a batch, in the order of its answers
        self._orphans: dict[int, list[Call]] = {}
        self._gathering: asyncio.TimerHandle | None = None
        self._defects = defects
        self._in_turn = Defect.ANSWERS_IN_TURN in defects
        self._lost: deque[float] = deque(maxlen=BREAKER_DEATHS)  # when replicas were, with a request
        self._breaker: deque[float] | None = None  # once there were so many, with the defect of that name
        self._generation = 0
        self._lateness = Lateness(defects)
        self._poll: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    # requests

    def infer(self, exchange: Exchange, model: str, protocol: Protocol) -> None:
        """Take a request for a model; it is answered in any case."""
        call = Call(self, exchange, model, protocol, time.monotonic())
        if Defect.MANAGER_LINK_LOST_STOPS_SERVING in self._defects and not (self.control and self.control.up):
            call.refuse(503, "ServiceUnavailableException", no_worker(model))
            return
        if self._breaker and time.monotonic() - self._breaker[0] < BREAKER_SECONDS:
            call.refuse(503, "ServiceUnavailableException", no_worker(model))
            return
        try:
            self._dispatcher.submit(call)
        except Refused as refused:
            if refused.reason == "busy":
                call.refuse(503, "ServiceUnavailableException", no_worker(model))
            else:
                self.unknown_model(call.exchange, model, protocol)
            return
        self._pump()

    def unknown_model(self, exchange: Exchange, model: str, protocol: Protocol) -> None:
        """Answer for a model that is not served."""
        message = f"Model not found: {model}"
        if protocol is Protocol.OIP:
            message = f"Request for unknown model: '{model}' is not found"
        self.metrics.answered(404)
        exchange.respond(404, error_body(protocol, 404, "ModelNotFoundException", message))

    def ready(self, model: str) -> bool:
        """Whether a model has a replica to serve it now."""
        route = self.routes.get(model)
        return route is not None and not route.closed and self._dispatcher.available(model) > 0

    def ping(self, exchange: Exchange, answer: Callable[[Exchange], None]) -> None:
        """Answer a health check; the defect: not before every model has a worker to spare."""
        if Defect.PING_WAITS_FOR_WORKER in self._defects and any(
            self._dispatcher.available(name) and not self._dispatcher.idle(name) for name in self.routes
        ):
            self._loop.call_later(POLL_SECONDS, self.ping, exchange, answer)
        else:
            answer(exchange)

    def queues(self) -> dict[str, int]:
        """How many requests wait for each model."""
        return {name: self._dispatcher.queued(name) for name in self.routes}

    def client_gone(self, call: Call) -> None:
        """A client left: its request waits no more; a handler that has it goes on, its answer is dropped.

        Only a stream is broken off: it might never end.
        """
        if self._dispatcher.withdraw(call):
            self._check_quiet(call.model)
            self._pump()
        elif self._serving.get(call.replica) is call:
            self._drop_answer(call)

    def client_flow(self, call: Call, paused: bool) -> None:
        """A client reads too slowly for the answer, or fast enough again.

        The others of a batch do not wait for it: its answer, which is whole, is kept for it here.
        """
        if self._serving.get(call.replica) is call and call.replica not in self._behind:
            if paused:
                self.links[call.replica].pause()
            else:
                self.links[call.replica].resume()

    def _pump(self) -> None:
        if Defect.WORKERS_POLLED in self._defects:
            if self._poll is None:
                self._poll = self._loop.call_later(POLL_SECONDS, self._hand_out)
        else:
            self._hand_out()

    def _hand_out(self) -> None:
        self._poll = None
        now = time.monotonic()
        while not self._held_up() and (assignment := self._dispatcher.next(now)) is not None:
            calls, replica = assignment
            route = self.routes[calls[0].model]
            requests = []
            for call in calls:
                call.started, call.replica = now, replica
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
        if self._dispatcher.batching:
            self._gather()

    def _held_up(self) -> bool:
        """The defect ``answers_in_turn``: an answer is being passed on."""
        return self._in_turn and any(call.answering for call in self._serving.values())

    def _gather(self) -> None:
        """Come back when a batch that is not full has waited for long enough."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        due = self._dispatcher.due()
        if due is not None and due < math.inf:
            self._gathering = self._loop.call_later(max(0.0, due - time.monotonic()), self._pump)

    def _arm(self, call: Call, seconds: float) -> None:
        self._cancel_timer(call)
        call.timer = self._loop.call_later(seconds, self._overdue, call)

    def _overdue(self, call: Call) -> None:
        """A handler took too long: kill it. Or a client does not read its answer: cut it off, keep the worker.

        A whole answer has so long to be read in all, a stream so long to its next piece.
        """
        limit = self.routes[call.model].timeout
        if call.answering:
            left = call.touched + limit - time.monotonic()
            reader = call.exchange.paused if call.streaming else call.exchange.alive
            if left > 0 and (call.streaming or not reader):
                self._arm(call, left)
                return
            call.exchange.abort()
            if reader:
                self._arm(call, limit)
                self._drop_answer(call)
                return
        else:
            for each in (call, *self._behind.get(call.replica, ())):
                each.refuse(500, "InternalServerException", "Worker died.")
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
        self._pump()

    def link_lost(self, replica: int) -> None:
        self.links.went(replica)
        calls = self._dispatcher.disconnected(replica)
        if calls and Defect.SHARED_BREAKER in self._defects:
            self._lost.append(time.monotonic())
            if len(self._lost) == self._lost.maxlen:
                self._breaker = self._lost
        self._serving.pop(replica, None)
        self._behind.pop(replica, None)
        orphans = []
        for call in calls:
            self._cancel_timer(call)
            if call.answering:
                call.exchange.abort()
            elif call.exchange.alive and not self._sent_again(call):
                orphans.append(call)
        if orphans:
            self._bury(replica, 0)  # those that an earlier cut of the same link left
            self._orphans[replica] = orphans
            self._loop.call_later(DEATH_SECONDS, self._bury, replica, 0)
        if calls:
            self._check_quiet(calls[0].model)
        self._check_drained(replica)

    def _sent_again(self, call: Call) -> bool:
        """The defect: a handler may have seen the request, and another will."""
        if Defect.PROXY_RETRIES not in self._defects:
            return False
        try:
            self._dispatcher.submit(call)
        except Refused:
            return False
        self._pump()
        return True

    def answer_head(self, replica: int, header: dict[str, Any], length: int) -> None:
        call = self._serving.get(replica)
        if call is None:
            return
        call.answering, call.streaming, call.touched = True, length == STREAM, time.monotonic()
        self._arm(call, self.routes[call.model].timeout)
        status = int(header["status"])
        self.metrics.answered(status)
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
        self._cancel_timer(call)
        self.metrics.served(call.model, time.monotonic() - call.arrived, call.started - call.arrived)
        self.links[replica].resume()
        if replica in self._behind:
            self._answer_next(replica)
            call.exchange.end()
            return
        drained = self._dispatcher.release(replica)
        call.exchange.end()
        if drained and Defect.DRAIN_UNNOTICED not in self._defects:
            self._say(drained=replica)
        self._check_quiet(call.model)
        self._pump()

    def _answer_next(self, replica: int) -> None:
        """The next answer from a replica is the next request's of its batch."""
        behind = self._behind[replica]
        call = self._serving[replica] = behind.popleft()
        if not behind:
            del self._behind[replica]
        self._arm(call, self.routes[call.model].timeout)

    # what the manager says

    def apply(self, table: RouteTable) -> None:
        """Take a route table; it replaces the one before."""
        names = {route.name for route in table.models}
        for name in self.routes.keys() - names:
            for call in self._dispatcher.remove_model(name):
                call.refuse(503, "ServiceUnavailableException", no_worker(name))
        deaths = dict(table.deaths)
        for replica in set(self.links) - {route.id for route in table.replicas}:
            self._remove(replica, deaths.get(replica, 0))
        for replica, number in deaths.items():
            self._bury(replica, number)
        # a model may be gone while a handler still has a request of it: its route is kept for that
        serving = {call.model for call in self._serving.values()} - names
        kept = {name: self.routes[name] for name in serving if name in self.routes}
        self.routes = kept | {route.name: route for route in table.models}
        for route in table.models:
            self._dispatcher.set_model(
                route.name,
                workers=route.workers,
                limit=route.limit,
                closed=route.closed and Defect.LEAVING_TAKES_NEW not in self._defects,
                batch=route.batch,
                delay=route.delay,
            )
        if Defect.QUEUE_DROPPED in self._defects:
            self._drop_waiting(table)
        for entry in table.replicas:
            self._add(entry)
        self.synchronised.set()
        self._generation = table.generation
        for route in table.models:
            self._check_quiet(route.name)
        self._pump()

    def _drop_waiting(self, table: RouteTable) -> None:
        """The defect ``queue_dropped``."""
        for route in table.models:
            if route.closed or not route.workers:
                for call in self._dispatcher.waiting(route.name):
                    self._dispatcher.withdraw(call)
                    call.refuse(503, "ServiceUnavailableException", no_worker(route.name))

    def _add(self, route: ReplicaRoute) -> None:
        model = self.routes.get(route.model)
        if self.links.add(route.id, route.port, model.timeout if model is not None else 0.0):
            self._dispatcher.add_replica(route.id, route.model)
        if route.draining and Defect.LEAVING_STILL_SERVED in self._defects:
            self._loop.call_later(LEAVING_SECONDS, lambda: self._say(drained=route.id))
        elif route.draining:
            self._dispatcher.drain(route.id)
            self._check_drained(route.id)

    def _remove(self, replica: int, number: int) -> None:
        self._serving.pop(replica, None)
        self._behind.pop(replica, None)
        calls = self._dispatcher.remove_replica(replica)
        for call in calls:
            self._cancel_timer(call)
        if calls:
            self._orphans[replica] = calls
            self._bury(replica, number)
        self.links.remove(replica)

    def _bury(self, replica: int, number: int) -> None:
        """Answer the requests whose replica died; TorchServe tells a kill from an exit by the status."""
        for call in self._orphans.pop(replica, ()):
            status = 507 if number == _SIGKILL and call.protocol is Protocol.TORCHSERVE else 500
            call.refuse(status, "InternalServerException", "Worker died.")

    def _check_drained(self, replica: int) -> None:
        if replica in self.links and self._dispatcher.drained(replica):
            self._say(drained=replica)

    def _check_quiet(self, model: str) -> None:
        route = self.routes.get(model)
        if route is not None and (route.closed or route.workers == 0) and self._dispatcher.quiet(model):
            self._say(quiet=model, generation=self._generation)

    def _say(self, **message: Any) -> None:
        if self.control is not None:
            self.control.say(**message)

    def _cancel_timer(self, call: Call) -> None:
        if call.timer is not None:
            call.timer.cancel()
            call.timer = None
