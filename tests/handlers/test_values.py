"""Values in words and as digests."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.handlers.values import digest_of, type_of, words_of

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
        | st.frozensets(st.integers() | st.text(), max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
def test_a_copy_has_the_same_digest(value: Any) -> None:
    digest = digest_of(value)
    assert digest
    assert digest_of(copy.deepcopy(value)) == digest
    assert digest_of([value]) != digest


@given(plain, plain)
def test_what_looks_different_has_another_digest(one: Any, other: Any) -> None:
    if repr(one) != repr(other) and one != other:
        assert digest_of(one) != digest_of(other)


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_a_dictionary_is_the_same_in_any_order(value: dict[str, int]) -> None:
    assert digest_of(dict(reversed(value.items()))) == digest_of(value)
    assert digest_of({*reversed(value)}) == digest_of({*value})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        ("a", b"a"),
        ([1, 2], (1, 2)),
        ([[1], 2], [[1, 2]]),
        (np.zeros(4), np.zeros((2, 2))),
        (np.zeros(4), np.zeros(4, dtype=np.float32)),
        (np.array([1, "a"], dtype=object), np.array([1, "b"], dtype=object)),
    ],
)
def test_types_and_shapes_count(one: Any, other: Any) -> None:
    assert digest_of(one) != digest_of(other)


class Table:
    columns = ("a", "b")
    shape = (2, 2)

    def to_numpy(self) -> Any:
        return np.eye(2)


class Tensor:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.eye(2)


@pytest.mark.parametrize("value", [np.zeros((2, 3)).T, np.float32(1.5), Table(), Tensor()])
def test_what_gives_an_array_has_a_digest(value: Any) -> None:
    assert digest_of(value) == digest_of(copy.deepcopy(value)) != ""


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize("value", [object(), [object()], lambda: 1, endless(), range(3), iter([])])
def test_what_cannot_be_read_has_none(value: Any) -> None:
    assert digest_of(value) == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (3, "int 3"),
        (10**60, f"int 1{'0' * 39}…"),
        (True, "bool True"),
        ("short", 'str "short"'),
        ("x" * 1000, "str of 1000 characters"),
        (b"abc", "bytes of 3 bytes"),
        (np.zeros((3, 4)), "ndarray float64 (3, 4)"),
        (np.float32(0.5), "float32 0.5"),
        ([1, 2], "list of 2 int"),
        ([1, "a"], "list of 2"),
        ((), "tuple of 0"),
        ({"a": 1, "b": 2}, "dict with 2 keys (a, b)"),
        ({}, "dict with 0 keys"),
        (Table(), "Table (2, 2)"),
        (object(), "object"),
    ],
)
def test_words(value: Any, words: str) -> None:
    assert words_of(value) == words


def test_types() -> None:
    assert [type_of(each) for each in (1, np.zeros(1), Table())] == [
        "int",
        "numpy.ndarray",
        f"{__name__}.Table",
    ]
