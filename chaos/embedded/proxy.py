"""The AppProxy's core: takes inferences, queues them per model, and gives each to a free replica.

It knows only what the route table says.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

from chaos.embedded.answers import Protocol, error_body, no_worker
from chaos.embedded.call import Call
from chaos.embedded.control_link import ControlLink
from chaos.embedded.defects import Defect
from chaos.embedded.dispatch import Dispatcher, Refused
from chaos.embedded.exchange import Exchange
from chaos.embedded.metrics import Metrics
from chaos.embedded.replies import Replies
from chaos.embedded.routes import ModelRoute, ReplicaRoute, RouteTable

__all__ = ["Proxy"]

POLL_SECONDS = 0.02
"""How often the defective proxy looks for workers that are free."""

LEAVING_SECONDS = 2.0
"""How long replicas that leave are still served, with the defect of that name."""


class Proxy:
    """Runs in one event loop; all its methods return at once.

    :param tasks: where the replicas' links live
    """

    def __init__(self, token: str, defects: frozenset[Defect], tasks: asyncio.TaskGroup) -> None:
        self.metrics = Metrics()
        self.control: ControlLink | None = None
        self.routes: dict[str, ModelRoute] = {}
        self.synchronised = asyncio.Event()
        self._dispatcher: Dispatcher[Call] = Dispatcher(defects)
        self._replies = Replies(self, self._dispatcher, token, tasks, defects)
        self.links = self._replies.links
        self._breaker = self._replies.breaker
        self._gathering: asyncio.TimerHandle | None = None
        self._poll: asyncio.TimerHandle | None = None
        self._defects = defects
        self._generation = 0
        self._stale: set[str] = set()
        self._loop = asyncio.get_running_loop()

    # requests

    def infer(self, exchange: Exchange, model: str, protocol: Protocol) -> None:
        """Take a request for a model; it is answered in any case."""
        call = Call(self, exchange, model, protocol, time.monotonic())
        if Defect.MANAGER_LINK_LOST_STOPS_SERVING in self._defects and not (self.control and self.control.up):
            call.refuse(503, "ServiceUnavailableException", no_worker(model))
            return
        if self._breaker.tripped and self._breaker.open():
            call.refuse(503, "ServiceUnavailableException", no_worker(model))
            return
        if model in self._stale and self._dispatcher.available(model):
            self._stale.discard(model)
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
        self.pump()

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
        """A client left: its request waits no more; if a handler has it, nobody wants the answer."""
        if self._dispatcher.withdraw(call):
            self.check_quiet(call.model)
            self.pump()
        else:
            self._replies.drop(call)

    def client_flow(self, call: Call, paused: bool) -> None:
        """A client reads too slowly for the answer, or fast enough again."""
        self._replies.flow(call, paused)

    # replicas

    def pump(self) -> None:
        """A request or a replica is there that was not: give what can be given."""
        if Defect.WORKERS_POLLED in self._defects:
            if self._poll is None:
                self._poll = self._loop.call_later(POLL_SECONDS, self._hand_out)
        else:
            self._hand_out()

    def _hand_out(self) -> None:
        self._poll = None
        now = time.monotonic()
        while not self._replies.held_up() and (assignment := self._dispatcher.next(now)) is not None:
            calls, replica = assignment
            self._replies.give(calls, replica, self.routes[calls[0].model], now)
        if self._dispatcher.batching:
            self._gather()

    def _gather(self) -> None:
        """Come back when a batch that is not full has waited for long enough."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        due = self._dispatcher.due()
        if due is not None and due < math.inf:
            self._gathering = self._loop.call_later(max(0.0, due - time.monotonic()), self.pump)

    def check_drained(self, replica: int) -> None:
        """Tell the manager if a replica that is to go has no request left."""
        if replica in self.links and self._dispatcher.drained(replica):
            self.say(drained=replica)

    def check_quiet(self, model: str) -> None:
        """Tell the manager if a model that takes no more requests has none left."""
        route = self.routes.get(model)
        if route is None:
            self.metrics.forget(model)  # what a request has counted that was served when its model was gone
        elif (route.closed or route.workers == 0) and self._dispatcher.quiet(model):
            self.say(quiet=model, generation=self._generation)

    def say(self, **message: Any) -> None:
        """Tell the manager, if there is one."""
        if self.control is not None:
            self.control.say(**message)

    # what the manager says

    def apply(self, table: RouteTable) -> None:
        """Take a route table; it replaces the one before."""
        routes = {route.name: route for route in table.models}
        for name in self.routes.keys() - routes:
            for call in self._dispatcher.remove_model(name):
                call.refuse(503, "ServiceUnavailableException", no_worker(name))
            self.metrics.forget(name)
            self._stale.discard(name)
        deaths = dict(table.deaths)
        for replica in set(self.links) - {route.id for route in table.replicas}:
            self._replies.let_go(replica, deaths.get(replica, 0))
        for replica, number in deaths.items():
            self._replies.orphans.bury(replica, number)
        self.routes = routes
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
            self.check_quiet(route.name)
        self.pump()

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
            self._loop.call_later(LEAVING_SECONDS, lambda: self.say(drained=route.id))
        elif route.draining:
            if Defect.INFERENCE_AFTER_SCALE_STALE in self._defects:
                self._stale.add(route.model)
            self._dispatcher.drain(route.id)
            self.check_drained(route.id)
