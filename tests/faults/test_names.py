"""Names made from leases: short, plain, and each lease's own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.faults.names import safe_name

LEASES = st.text(max_size=80)
LIMITS = st.integers(min_value=11, max_value=60)


@given(lease=LEASES, limit=LIMITS)
def test_plain_and_short(lease: str, limit: int) -> None:
    name = safe_name(lease, limit)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)
    assert len(name) <= limit
    assert name == safe_name(lease, limit)


@given(one=LEASES, other=LEASES, limit=LIMITS)
def test_different_leases_different_names(one: str, other: str, limit: int) -> None:
    assert (safe_name(one, limit) == safe_name(other, limit)) == (one == other)


def test_it_can_be_read() -> None:
    assert safe_name("20261121-a1.network-1", 60).startswith("l_20261121_a1_network_1_")


def test_a_limit_without_room() -> None:
    with pytest.raises(ValueError, match="too few"):
        safe_name("lease", 10)
