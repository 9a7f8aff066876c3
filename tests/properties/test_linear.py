"""D on synthetic times: the slope and the exponent that went in come out, and what was not measured is not judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.properties.base import CannotTell
from chaos.properties.linear import LINEAR
from chaos.properties.record import CellRecord
from chaos.sla.results import Verdict

Time = Callable[[int], float]


def record(
    time: Time,
    *,
    noise: float = 0.1,
    rounds: int = 8,
    workers: int = 6,
    shown: bool | None = True,
    hidden: int = 0,
    what: str = "up",
    seed: int = 1,
) -> CellRecord:
    """A cell whose operations take so long, times log-normal noise; ``hidden`` of them are shown by no process."""
    rng = np.random.default_rng(seed)
    events: list[dict[str, Any]] = []
    for number in range(rounds):
        for size in [1, *range(1, workers + 1)]:
            seconds = time(size) * float(np.exp(rng.normal(0, noise)))
            seen = shown if len(events) >= hidden else False
            note = {"what": what, "round": number, "workers": size, "seconds": seconds, "shown": seen}
            events.append({"kind": "note", "at": 0.0, "about": "operation", **note})
    return CellRecord("scale", "D", seed, {"tolerance": 0.25}, 0.0, 9.0, "measured", "", tuple(events))


def verdicts(found: CellRecord) -> dict[str, Verdict]:
    return {each.name: each.verdict for each in LINEAR.judge(found)}


@settings(max_examples=8, deadline=None)
@given(st.floats(0.1, 3.0), st.integers(0, 1000))
def test_the_slope_that_went_in_comes_out(slope: float, seed: int) -> None:
    one = 0.05
    measure = LINEAR.judge(record(lambda n: one * (1 + slope * (n - 1)), noise=0.02, seed=seed))[0]

    assert measure.name == "scaling up slope"
    assert measure.timed
    assert measure.low is not None
    assert measure.high is not None
    assert measure.low <= slope * 1.05
    assert measure.high >= slope * 0.95
    assert measure.estimate == pytest.approx(slope, rel=0.15)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.0, 2.5), st.integers(0, 1000))
def test_the_exponent_that_went_in_comes_out(power: float, seed: int) -> None:
    measure = LINEAR.judge(record(lambda n: 0.05 * n**power, noise=0.02, seed=seed))[1]

    assert measure.name == "scaling up exponent"
    assert measure.estimate == pytest.approx(power, abs=0.12)


@pytest.mark.parametrize("time", [lambda n: 0.02 + 0.005 * n, lambda n: 0.03, lambda n: 0.05 * n])
def test_linear_and_better_passes(time: Time) -> None:
    assert set(verdicts(record(time, noise=0.05)).values()) == {Verdict.PASS}


def test_worse_than_linear_fails() -> None:
    found = verdicts(record(lambda n: 0.02 + 0.02 * n * n, what="unregister"))

    assert found["unregistering slope"] is Verdict.FAIL
    assert found["unregistering exponent"] is Verdict.FAIL


def test_seldom_a_false_alarm_on_what_is_linear() -> None:
    """A platform that is just as good as it has to be, on a machine with noise of 20 %."""
    found = [verdicts(record(lambda n: 0.05 * n, noise=0.2, seed=seed)) for seed in range(15)]

    assert sum(Verdict.FAIL in each.values() for each in found) == 0


def test_one_slow_operation_changes_nothing() -> None:
    found = record(lambda n: 0.02 + 0.005 * n, noise=0.05)
    found.events[6]["seconds"] = 5.0

    assert set(verdicts(found).values()) == {Verdict.PASS}


def test_an_operation_that_no_process_shows_fails() -> None:
    found = verdicts(record(lambda n: 0.02 + 0.005 * n, hidden=1))

    assert found["operations that no process shows"] is Verdict.FAIL


def test_processes_that_are_not_told_are_not_claimed() -> None:
    assert "operations that no process shows" not in verdicts(record(lambda n: 0.02, shown=None))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (record(lambda n: 0.02, rounds=0), "no operation"),
        (record(lambda n: 0.02, rounds=3), "3 repetitions"),
        (record(lambda n: 0.02, workers=3), "set D.workers higher"),
    ],
)
def test_what_was_not_measured_is_not_judged(broken: CellRecord, says: str) -> None:
    with pytest.raises(CannotTell, match=says):
        LINEAR.judge(broken)
    LINEAR.figure(broken)


def test_the_figure_has_points_quartiles_and_the_line() -> None:
    figure = LINEAR.figure(record(lambda n: 0.02 + 0.01 * n, noise=0.0))["operations"]["up"]

    assert len(figure["points"]) == 8 * 7
    assert figure["quartiles"] == [[n, pytest.approx(0.02 + 0.01 * n)] for n in range(1, 7)]
    assert figure["line"]["slope"] == pytest.approx(0.01)
    assert figure["line"]["intercept"] == pytest.approx(0.02)
    assert figure["one"] == pytest.approx(0.03)
