"""What is wrong with answers, and where two differ."""

from __future__ import annotations

import copy
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.handlers.formats import CSV, JSON, NPY
from chaos.offline.answers import difference, unlike, wrong_with_answer

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


def npy() -> bytes:
    raw = io.BytesIO()
    np.save(raw, np.eye(2))
    return raw.getvalue()


@pytest.mark.parametrize(
    ("body", "kind", "wrong"),
    [
        (b"[1.5]", JSON, ""),
        (b"[NaN]", JSON, "it holds NaN"),
        (b"[Infinity]", f"{JSON}; charset=utf-8", "it holds Infinity"),
        (b"", JSON, "the answer is no application/json"),
        (b"\xff", JSON, "the answer is no application/json"),
        (b"[" * 100_000, JSON, "nested too deeply"),
        (b"a,b", CSV, ""),
        (b"a\xff", CSV, "no UTF-8: invalid start byte at byte 1"),
        (npy(), NPY, ""),
        (b"[1]", NPY, "the answer is no application/x-npy"),
        (b"\xff", "image/png", ""),
    ],
)
def test_what_is_wrong_with_an_answer(body: bytes, kind: str, wrong: str) -> None:
    found = wrong_with_answer(body, kind)
    assert bool(found) == bool(wrong)
    assert wrong in "".join(found)


@given(values)
def test_what_is_written_otherwise_is_as_expected(value: Any) -> None:
    assert unlike(json.dumps(value).encode(), json.dumps(value, indent=3).encode()) == ""
    assert difference(json.dumps(value).encode(), json.dumps(value).encode()) == ""


@given(values, values)
def test_what_is_another_value_is_not(one: Any, other: Any) -> None:
    if one != other and json.dumps(one) != json.dumps(other):
        written = json.dumps(one).encode(), json.dumps(other).encode()
        assert difference(*written)


@given(st.lists(st.integers(), min_size=1), st.data())
def test_the_place_is_told(value: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(value) - 1))
    other = copy.copy(value)
    other[place] += 10**30
    told = unlike(json.dumps({"a": value}).encode(), json.dumps({"a": other}).encode())
    assert told.startswith(f"at a[{place}]: ")


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_bytes_differ_somewhere(one: bytes, other: bytes) -> None:
    assert bool(difference(one, other)) == (one != other)


@pytest.mark.parametrize(
    ("expected", "body", "apart"),
    [
        (b"[0.1, 2]", b"[0.1000000000001, 2.0]", ""),
        (b"[0.1]", b"[0.10001]", "at [0]: 0.1 and 0.10001"),
        (b"[1]", b"[true]", "at [0]: 1 and true"),
        (b"[1, 2]", b"[1]", "as a whole: 2 and 1 elements"),
        (b'{"a": 1}', b'{"b": 1}', "as a whole: only one has 'a'"),
        (b"1,2\n", b"1,2", ""),
        (b"a,b", b"a,c", "at byte 2: 'b' and 'c'"),
        (b"a,b", b"a", "at byte 1: ',b' and nothing"),
    ],
)
def test_an_expected_answer(expected: bytes, body: bytes, apart: str) -> None:
    assert unlike(expected, body) == apart
