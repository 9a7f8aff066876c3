"""The axis of the picture: true time, cut only where little would be seen otherwise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.reporting.verify.timeline import Cut, Timeline, timeline_of

seconds = st.floats(0.0, 1e4, allow_nan=False)
spans = st.lists(st.tuples(seconds, seconds).map(lambda pair: (min(pair), max(pair))), max_size=12)


def test_time_is_true_where_there_is_enough_to_see() -> None:
    found = timeline_of([(0.0, 0.3), (0.5, 0.9)], 1.2)

    assert found.cuts == ()
    assert found.place(0.7) == 0.7
    assert found.length == 1.2


def test_a_long_wait_is_cut_and_short_ones_stay() -> None:
    found = timeline_of([(0.0, 0.02), (0.03, 0.05)], 8.05)

    assert found.cuts == (Cut(0.05, 8.05),)
    assert found.place(0.03) == 0.03
    assert found.length == pytest.approx(0.05 + 0.3 * 0.04)
    assert found.place(4.05) == pytest.approx(0.05 + 0.15 * 0.04)


def test_ticks_tell_true_time_on_both_sides_of_a_cut() -> None:
    found = timeline_of([(0.0, 0.1), (8.02, 8.12)], 8.12)
    ticks = found.ticks()

    assert len(found.cuts) == 1
    assert ticks[0] == (0.0, "0")
    assert [text for _, text in ticks if text.endswith("ms")] == ["50 ms", "100 ms"]
    assert [text for _, text in ticks if text.endswith(" s")] == ["8.05 s", "8.10 s"]
    for place, text in ticks[1:]:
        at = float(text.split()[0]) * (1e-3 if text.endswith("ms") else 1.0)
        assert found.place(at) == pytest.approx(place)


@given(spans, seconds)
def test_an_axis_keeps_the_order_of_all_instants(given_spans: list[tuple[float, float]], end: float) -> None:
    end = max([end, *(until for _, until in given_spans)])
    found = timeline_of(given_spans, end)
    instants = sorted({at for pair in given_spans for at in pair} | {0.0, end})
    places = [found.place(at) for at in instants]

    assert all(later - sooner >= -1e-6 for sooner, later in pairwise(places))
    assert all(-1e-6 <= place <= found.length + 1e-6 for place in places)
    ticks = found.ticks()
    assert 1 <= len(ticks) <= 40
    assert [place for place, _ in ticks] == sorted(place for place, _ in ticks)
    for start, until in given_spans:
        # what is under way is never cut
        assert found.place(until) - found.place(start) == pytest.approx(until - start, abs=1e-6)


def test_nothing_at_all() -> None:
    assert timeline_of([], 0.0).ticks()
    assert Timeline(1.0).place(0.5) == 0.5
