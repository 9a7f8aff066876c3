"""What two states of a target differ in."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chaos.properties.standing import as_asked, differences, in_short


def model(
    desired: int, workers: int | None = None, alive: int | None = -1, first: int = 100
) -> dict[str, Any]:
    """A model as it is seen; with pids from ``first`` on."""
    ready = desired if workers is None else workers
    running = ready if alive == -1 else alive
    pids = list(range(first, first + (ready if running is None else running)))
    return {"desired": desired, "workers": ready, "alive": running, "pids": pids}


def state(strays: int | None = 0, error: str = "", **models: dict[str, Any]) -> dict[str, Any]:
    """A state in which these models are listed."""
    return {"listed": sorted(models), "models": models, "strays": strays, "error": error}


states = st.builds(
    lambda numbers, strays: state(strays, "", **{f"m{index}": model(n) for index, n in enumerate(numbers)}),
    st.lists(st.integers(0, 4), max_size=4),
    st.none() | st.integers(0, 3),
)


@given(states)
def test_nothing_differs_from_itself(one: dict[str, Any]) -> None:
    assert differences(one, one) == []


@given(states, st.integers(1, 4))
def test_a_model_as_asked_for(one: dict[str, Any], workers: int) -> None:
    there = {**one, "listed": [*one["listed"], "new"], "models": {**one["models"], "new": model(workers)}}

    assert as_asked(one, there, "new", workers) == []
    assert as_asked(one, there, "new", workers + 1)
    assert as_asked(there, one, "new", 0) == []
    assert as_asked(one, there, "new", 0) == ["model 'new' is still listed"]
    assert as_asked(one, one, "new", workers)


def test_every_account_is_held_against_the_one_before() -> None:
    before = state(a=model(2), b=model(1, first=200))

    assert differences(before, state(a=model(3, 2), b=model(1, first=200))) == [
        "model 'a' has 3 workers asked for, and had 2"
    ]
    assert differences(before, state(a=model(2, 1, 2), b=model(1, first=200))) == [
        "model 'a' has 1 workers ready, and had 2"
    ]
    (other,) = differences(before, state(a=model(2, first=300), b=model(1, first=200)))
    assert other == "model 'a' has other processes: 2 of 2 were ended, and started anew"
    gone, come = differences(before, state(b=model(1, first=200), c=model(1)))
    assert (gone, come) == ("model 'a' is no longer listed", "model 'c' is listed, and was not")
    assert differences(before, state(a=model(4), b=model(1, first=200)), but="a") == []


def test_processes_that_nobody_owns_or_nobody_can_count() -> None:
    before = state(strays=1, a=model(2))

    assert differences(before, state(strays=3, a=model(2))) == ["2 more processes of no model that is listed"]
    assert differences(before, state(strays=0, a=model(2))) == []
    assert differences(before, state(strays=None, a=model(2, alive=None))) == []


def test_what_could_not_be_read_is_no_state_of_rest() -> None:
    assert differences(state(a=model(1)), state(error="no answer", a=model(1)))
    assert as_asked(state(), state(error="no answer", a=model(1)), "a", 1)
    torn = {**state(a=model(1)), "models": {}}
    assert differences(state(a=model(1)), torn) == ["model 'a' is listed, but not described"]


def test_in_short() -> None:
    assert in_short(["a", "b"]) == "a; b"
    assert in_short(["a", "b", "c", "d", "e"]) == "a; b; c, and 2 more"
