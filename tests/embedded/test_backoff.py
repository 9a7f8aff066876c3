"""How long a worker waits before it starts a replica again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaos.embedded.backoff import BACKOFF_FIRST, BACKOFF_LAST, backoff


def test_the_first_restart_is_at_once_and_the_rest_double() -> None:
    assert [backoff(failures) for failures in range(5)] == [
        0,
        0,
        BACKOFF_FIRST,
        2 * BACKOFF_FIRST,
        4 * BACKOFF_FIRST,
    ]


@given(st.integers(0, 10**9))
def test_it_grows_to_a_bound(failures: int) -> None:
    assert 0 <= backoff(failures) <= backoff(failures + 1) <= BACKOFF_LAST
