"""The dispatcher against random histories: what must hold for any order of events."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chaos.embedded.dispatch import Dispatcher, Refused
from tests.embedded.dispatchers import BATCHES, DELAY, LIMIT, MODELS, Request


class History(RuleBasedStateMachine):
    """Requests come, leave and finish; links break and heal; replicas drain; time passes: nothing is lost, doubled or
    swapped; no batch is larger than it may be, and none waits for longer beside a free replica.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dispatcher: Dispatcher[Request] = Dispatcher()
        for model in MODELS:
            self.dispatcher.set_model(
                model, workers=1, limit=LIMIT, batch=BATCHES[model], delay=DELAY * (BATCHES[model] > 1)
            )
        self.numbers = 0
        self.now = 0.0
        self.gathered: dict[str, float] = {}
        self.replicas: dict[int, str] = {}
        self.up: set[int] = set()
        self.draining: set[int] = set()
        self.busy: dict[int, list[Request]] = {}
        self.waiting: list[Request] = []

    @rule(model=st.sampled_from(MODELS))
    def submit(self, model: str) -> None:
        self.numbers += 1
        request = Request(model, self.numbers)
        full = sum(other.model == model for other in self.waiting) >= LIMIT
        assert not (full and self.free(model)), "a batch of so many is gone by now"
        if full:
            with pytest.raises(Refused, match="busy"):
                self.dispatcher.submit(request)
        else:
            self.dispatcher.submit(request)
            self.waiting.append(request)
        self.assign()

    @rule(model=st.sampled_from(MODELS))
    def add(self, model: str) -> None:
        self.numbers += 1
        self.dispatcher.add_replica(self.numbers, model)
        self.replicas[self.numbers] = model

    @precondition(lambda self: self.replicas)
    @rule(data=st.data())
    def connect(self, data: st.DataObject) -> None:
        replica = data.draw(st.sampled_from(sorted(self.replicas)))
        if replica not in self.up:
            self.dispatcher.connected(replica)
            self.up.add(replica)
            self.assign()

    @precondition(lambda self: self.up)
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        replica = data.draw(st.sampled_from(sorted(self.up)))
        assert self.dispatcher.disconnected(replica) == self.busy.pop(replica, [])
        self.up.discard(replica)

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        replica = data.draw(st.sampled_from(sorted(self.busy)))
        del self.busy[replica]
        assert self.dispatcher.release(replica) == (replica in self.draining)
        self.assign()

    @precondition(lambda self: self.replicas)
    @rule(data=st.data())
    def drain(self, data: st.DataObject) -> None:
        replica = data.draw(st.sampled_from(sorted(self.replicas)))
        self.dispatcher.drain(replica)
        self.draining.add(replica)

    @precondition(lambda self: self.replicas)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        replica = data.draw(st.sampled_from(sorted(self.replicas)))
        assert self.dispatcher.remove_replica(replica) == self.busy.pop(replica, [])
        del self.replicas[replica]
        self.up.discard(replica)
        self.draining.discard(replica)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.waiting))
        assert self.dispatcher.withdraw(request)
        assert not self.dispatcher.withdraw(request)
        self.waiting.remove(request)
        self.assign()

    @rule(seconds=st.sampled_from([0.1, DELAY / 2, DELAY]))
    def time_passes(self, seconds: float) -> None:
        due = self.dispatcher.due()
        if due is not None and due <= self.now + seconds:
            self.now = due
            assert self.assign(), "it said that there would be a batch"
        else:
            self.now += seconds
            assert not self.assign(), "nothing was due"

    def assign(self) -> int:
        count = 0
        while (assignment := self.dispatcher.next(self.now)) is not None:
            requests, replica = assignment
            model = requests[0].model
            oldest = [other for other in self.waiting if other.model == model]
            most = BATCHES[model]
            assert requests == oldest[:most], "first in, first out, and as many as wait"
            if len(requests) < most:
                assert self.now >= self.gathered[model] + DELAY - 1e-9, "not before its time"
            assert self.replicas[replica] == model
            assert replica in self.up
            assert replica not in self.draining
            assert replica not in self.busy
            for request in requests:
                self.waiting.remove(request)
            self.busy[replica] = requests
            self.gathered.pop(model, None)
            count += 1
        for model in MODELS:
            if not any(request.model == model for request in self.waiting):
                self.gathered.pop(model, None)
            elif self.free(model):
                self.gathered.setdefault(model, self.now)
        return count

    def free(self, model: str) -> list[int]:
        return [r for r in self.up - self.draining if self.replicas[r] == model and r not in self.busy]

    @invariant()
    def counts_are_right(self) -> None:
        for model in MODELS:
            waits = sum(request.model == model for request in self.waiting)
            serves = sum(request.model == model for batch in self.busy.values() for request in batch)
            assert self.dispatcher.queued(model) == waits
            assert self.dispatcher.quiet(model) == (waits + serves == 0)
            if waits and self.free(model):
                assert waits < BATCHES[model], (
                    "nobody waits beside a free replica of its own model, but for more"
                )
                due = self.dispatcher.due()
                assert due is not None
                assert due <= self.now + DELAY


TestHistory = History.TestCase
