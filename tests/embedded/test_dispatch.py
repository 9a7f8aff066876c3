"""The dispatcher against random histories: what must hold for any order of events."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chaos.embedded.defects import Defect
from chaos.embedded.dispatch import Dispatcher, Refused

MODELS = ("a", "b")
LIMIT = 3


@dataclass(eq=False)
class Request:
    model: str
    number: int = 0


def dispatcher(*defects: Defect, workers: int = 1) -> Dispatcher[Request]:
    made: Dispatcher[Request] = Dispatcher(frozenset(defects))
    for index, model in enumerate(MODELS):
        made.set_model(model, workers=workers, limit=LIMIT)
        made.add_replica(index, model)
        made.connected(index)
    return made


class History(RuleBasedStateMachine):
    """Requests come, leave and finish; links break and heal; replicas drain: nothing is lost, doubled or swapped."""

    def __init__(self) -> None:
        super().__init__()
        self.dispatcher: Dispatcher[Request] = Dispatcher()
        for model in MODELS:
            self.dispatcher.set_model(model, workers=1, limit=LIMIT)
        self.numbers = 0
        self.replicas: dict[int, str] = {}
        self.up: set[int] = set()
        self.draining: set[int] = set()
        self.busy: dict[int, Request] = {}
        self.waiting: list[Request] = []

    @rule(model=st.sampled_from(MODELS))
    def submit(self, model: str) -> None:
        self.numbers += 1
        request = Request(model, self.numbers)
        full = sum(other.model == model for other in self.waiting) >= LIMIT
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
        assert self.dispatcher.disconnected(replica) is self.busy.pop(replica, None)
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
        assert self.dispatcher.remove_replica(replica) is self.busy.pop(replica, None)
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

    def assign(self) -> None:
        while (assignment := self.dispatcher.next()) is not None:
            request, replica = assignment
            oldest = next(other for other in self.waiting if other.model == request.model)
            assert request is oldest, "first in, first out"
            assert self.replicas[replica] == request.model
            assert replica in self.up
            assert replica not in self.draining
            assert replica not in self.busy
            self.waiting.remove(request)
            self.busy[replica] = request

    @invariant()
    def counts_are_right(self) -> None:
        for model in MODELS:
            waits = sum(request.model == model for request in self.waiting)
            serves = sum(request.model == model for request in self.busy.values())
            assert self.dispatcher.queued(model) == waits
            assert self.dispatcher.quiet(model) == (waits + serves == 0)
            free = [r for r in self.up - self.draining if self.replicas[r] == model and r not in self.busy]
            assert not (waits and free), "nobody waits beside a free replica of its own model"


TestHistory = History.TestCase


def test_a_model_never_waits_for_another() -> None:
    made = dispatcher()
    first, second, other = Request("a"), Request("a"), Request("b")
    for request in (first, second, other):
        made.submit(request)

    assert [made.next(), made.next(), made.next()] == [(first, 0), (other, 1), None]


def test_the_shared_queue_blocks_behind_its_head_and_has_one_limit() -> None:
    made = dispatcher(Defect.SHARED_QUEUE)
    first, second, other = Request("a"), Request("a"), Request("b")
    for request in (first, second, other):
        made.submit(request)

    assert made.next() == (first, 0)
    assert made.next() is None, "b's replica is free, but a's request stands before it"
    made.submit(Request("a"))
    with pytest.raises(Refused):
        made.submit(Request("b"))


def test_the_shared_pool_gives_any_free_replica_to_the_oldest_request() -> None:
    made = dispatcher(Defect.SHARED_WORKER_POOL)
    first, second, other = Request("a"), Request("a"), Request("b")
    for request in (first, second, other):
        made.submit(request)

    assert [made.next(), made.next(), made.next()] == [(first, 0), (second, 1), None]
    made.release(0)
    assert made.next() == (other, 0)


def test_unknown_closed_and_workerless_models_are_refused() -> None:
    made = dispatcher(workers=0)
    made.set_model("shut", workers=1, limit=1, closed=True)
    for model, reason in (("nobody", "unknown"), ("shut", "unknown"), ("a", "busy")):
        with pytest.raises(Refused) as caught:
            made.submit(Request(model))
        assert caught.value.reason == reason


@given(st.lists(st.sampled_from(MODELS), max_size=LIMIT))
def test_a_removed_model_gives_back_its_own_requests_in_order(models: list[str]) -> None:
    made: Dispatcher[Request] = Dispatcher(frozenset({Defect.SHARED_QUEUE}))
    for model in MODELS:
        made.set_model(model, workers=1, limit=LIMIT)
    requests = [Request(model, number) for number, model in enumerate(models)]
    for request in requests:
        made.submit(request)

    assert made.remove_model("a") == [request for request in requests if request.model == "a"]
    assert made.queued("b") == models.count("b")


def test_a_request_of_a_former_registration_does_not_disturb_the_next() -> None:
    made = dispatcher()
    made.submit(Request("a"))
    assert made.next() is not None
    made.remove_model("a")
    made.set_model("a", workers=1, limit=LIMIT)
    made.release(0)

    assert made.quiet("a")
    made.submit(Request("a"))
    assert not made.quiet("a")
