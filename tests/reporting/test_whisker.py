"""Drawings keep the order of what they show, on one scale for all phases of an objective."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaos.reporting.whisker import whiskers
from chaos.sla.results import ObjectiveResult, Verdict

VALUES = st.floats(min_value=0, max_value=1e6)
PHASES = ("baseline", "fault", "recovery")


def result(
    phase: str, low: float | None, estimate: float | None, high: float | None, limit: float
) -> ObjectiveResult:
    return ObjectiveResult(
        probe="victim",
        objective="p99 latency",
        phase=phase,
        verdict=Verdict.UNKNOWN,
        estimate=estimate,
        low=low,
        high=high,
        n=100,
        limit=limit,
        upper=True,
        unit="s",
        reason="",
    )


@given(st.lists(st.tuples(VALUES, VALUES, VALUES).map(sorted), min_size=1, max_size=3), VALUES)
def test_places_are_within_the_drawing_and_in_order(values: list[list[float]], limit: float) -> None:
    drawn = whiskers(
        result(phase, three[0], three[1], three[2], limit)
        for phase, three in zip(PHASES, values, strict=False)
    )

    assert len(drawn) == len(values)
    assert len({whisker.limit for whisker in drawn.values()}) == 1
    for whisker, (low, _estimate, high) in zip(drawn.values(), values, strict=True):
        assert 0 <= whisker.low <= whisker.estimate <= whisker.high <= 100
        assert 0 <= whisker.limit <= 100
        if high < limit:
            assert whisker.high <= whisker.limit
        if low > limit:
            assert whisker.low >= whisker.limit


def test_a_value_beyond_the_limit_is_drawn_beyond_it() -> None:
    drawn = whiskers([result("baseline", 0.004, 0.005, 0.006, 0.25), result("fault", 0.9, 1.0, 1.1, 0.25)])

    assert drawn["baseline"].high < drawn["baseline"].limit < drawn["fault"].low


def test_what_was_not_measured_is_not_drawn() -> None:
    nan = float("nan")

    assert whiskers([result("fault", None, None, None, 1.0), result("recovery", nan, nan, nan, 1.0)]) == {}
