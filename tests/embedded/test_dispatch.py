"""Whose turn it is, and with whom: what the dispatcher answers in the orders of events that matter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.embedded.defects import Defect
from chaos.embedded.dispatch import Dispatcher, Refused
from tests.embedded.dispatchers import DELAY, LIMIT, MODELS, Request, batching, dispatcher


def test_a_model_never_waits_for_another() -> None:
    made = dispatcher()
    first, second, other = Request("a"), Request("a"), Request("b")
    for request in (first, second, other):
        made.submit(request)

    assert [made.next(), made.next(), made.next()] == [([first], 0), ([other], 1), None]


def test_the_shared_queue_blocks_behind_its_head_and_has_one_limit() -> None:
    made = dispatcher(Defect.SHARED_QUEUE)
    first, second, other = Request("a"), Request("a"), Request("b")
    for request in (first, second, other):
        made.submit(request)

    assert made.next() == ([first], 0)
    assert made.next() is None, "b's replica is free, but a's request stands before it"
    made.submit(Request("a"))
    with pytest.raises(Refused):
        made.submit(Request("b"))


def test_the_shared_pool_gives_any_free_replica_to_the_oldest_request() -> None:
    made = dispatcher(Defect.SHARED_WORKER_POOL)
    first, second, other = Request("a"), Request("a"), Request("b")
    for request in (first, second, other):
        made.submit(request)

    assert [made.next(), made.next(), made.next()] == [([first], 0), ([second], 1), None]
    made.release(0)
    assert made.next() == ([other], 0)


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


def test_one_batch_is_gathered_at_a_time_however_many_replicas_are_free() -> None:
    made = batching(replicas=2)
    first, second = Request("a", 1), Request("a", 2)
    made.submit(first)
    assert made.next(10.0) is None
    made.submit(second)

    assert made.next(10.9) is None
    assert made.due() == 11.0
    assert made.next(11.0) == ([first, second], 0)
    assert made.due() is None


def test_the_delay_counts_from_when_a_replica_is_free() -> None:
    made = batching(batch=2)
    requests = [Request("a", number) for number in range(3)]
    for request in requests:
        made.submit(request)
    assert made.next(0.0) == (requests[:2], 0)
    assert made.next(5.0) is None
    assert made.due() is None, "it waits for a replica, not for more"
    made.release(0)

    assert made.next(6.0) is None
    assert made.next(7.0) == (requests[2:], 0)


def test_what_leaves_the_batch_that_is_gathered_takes_its_time_with_it() -> None:
    made = batching()
    gone, later = Request("a", 1), Request("a", 2)
    made.submit(gone)
    made.next(0.0)
    assert made.withdraw(gone)
    made.submit(later)

    assert made.next(0.9) is None
    assert made.due() == 1.9


def test_a_batch_is_filled_up_with_requests_of_another_model_only_with_the_defect() -> None:
    for defects, taken in (((), ["a"]), ((Defect.BATCH_MIXES_MODELS,), ["a", "b", "b"])):
        made = batching(*defects)
        made.set_model("b", workers=1, limit=LIMIT, batch=3, delay=DELAY)
        requests = [Request("a"), Request("b"), Request("b")]
        for request in requests:
            made.submit(request)
        made.next(0.0)

        found = made.next(DELAY)

        assert found is not None
        assert [request.model for request in found[0]] == taken
        assert made.queued("b") == 3 - len(taken)


def test_a_batch_larger_than_the_queue_is_gathered_all_the_same() -> None:
    made = batching(batch=LIMIT + 2)
    requests = [Request("a", number) for number in range(LIMIT + 2)]
    for request in requests:
        made.submit(request)
        full = made.next(0.0)
    assert full == (requests, 0)
    for number in range(LIMIT):
        made.submit(Request("a", number))
    with pytest.raises(Refused, match="busy"):
        made.submit(Request("a"))


@pytest.mark.parametrize("change", [{"closed": True}, {"workers": 0}])
def test_where_no_more_can_come_nothing_is_waited_for(change: dict[str, Any]) -> None:
    made = batching()
    request = Request("a")
    made.submit(request)
    assert made.next(0.0) is None
    made.set_model("a", **{"workers": 1, "limit": LIMIT, "batch": 3, "delay": DELAY, **change})

    assert made.next(0.1) == ([request], 0)


def test_a_batch_goes_alone_or_waits_for_ever_with_a_defect() -> None:
    requests = [Request("a", number) for number in range(3)]
    alone, full = batching(Defect.BATCH_OF_ONE), batching(Defect.BATCH_WAITS_FULL)
    for made in (alone, full):
        made.submit(requests[0])
        made.submit(requests[1])
    assert alone.next(0.0) == (requests[:1], 0)
    assert full.next(1e9) is None
    full.submit(requests[2])
    assert full.next(1e9) == (requests, 0)


def test_a_batch_from_a_shared_queue_is_of_one_model() -> None:
    made: Dispatcher[Request] = Dispatcher(frozenset({Defect.SHARED_QUEUE}))
    for replica, model in enumerate(MODELS):
        made.set_model(model, workers=1, limit=9, batch=2, delay=DELAY)
        made.add_replica(replica, model)
        made.connected(replica)
    requests = [Request(model, number) for number, model in enumerate("abab")]
    for request in requests:
        made.submit(request)

    assert made.next(0.0) == ([requests[0], requests[2]], 0)
    assert made.next(0.0) == ([requests[1], requests[3]], 1)


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
