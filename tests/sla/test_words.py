"""Numbers as a person would say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.sla.results import ObjectiveResult, Verdict
from chaos.sla.words import estimated, measured, quantity


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.9995, "share", "99.95 %"), (1.0, "share", "100 %"), (0.0, "share", "0 %"), (0.999996, "share", "99.9996 %"),
        (0.99999999, "share", "99.999999 %"), (0.00001, "share", "0.001 %"), (1e-12, "share", "above 0 %"),
        (0.25, "share", "25 %"), (0.0123, "s", "12.3 ms"), (4.5678, "s", "4.57 s"), (0.0000456, "s", "45.6 µs"),
        (120.0, "s", "120 s"), (59.96, "1/s", "60/s"), (41.3, "ratio", "41.3"), (3.0, "ratio", "3"),
        (0.98, "ratio", "0.98"), (0.0042, "ratio", "0.0042"), (1000.0, "ratio", "1000"),
    ],
)  # fmt: skip
def test_each_has_the_digits_it_carries(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@given(st.floats(0, 1))
def test_a_share_is_never_rounded_to_all_or_nothing(share: float) -> None:
    assert (quantity(share, "share") == "100 %") == (share == 1.0)
    assert (quantity(share, "share") == "0 %") == (share == 0.0)


def result(estimate: float | None, low: float | None, high: float | None) -> ObjectiveResult:
    """A ratio of latencies with a limit of 3."""
    return ObjectiveResult(
        "victim", "p99 latency ratio", "fault", Verdict.FAIL, estimate, low, high, 9, 3.0, True, "ratio", ""
    )


def test_a_result_is_said_with_its_interval_and_limit() -> None:
    assert measured(result(41.2, 35.0, 48.0)) == "41.2 times the baseline (35 to 48), limit 3"
    assert estimated(result(1.0, 1.0, 1.0)) == "1 times the baseline"
    assert measured(result(None, None, None)) == "nothing was measured, limit 3"
