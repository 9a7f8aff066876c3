"""The defaults of the toolkit: what is read and written, and what is refused."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from chaos.handlers.formats import (
    CSV,
    JSON,
    NPY,
    NPZ,
    READABLE,
    WRITABLE,
    HandlerInputError,
    UnsupportedFormatError,
    decode,
    encode,
    received,
)

ARRAYS = st.lists(
    st.lists(st.floats(allow_nan=False) | st.integers(-9, 9), min_size=2, max_size=2), min_size=2
)


@pytest.mark.filterwarnings("ignore::UserWarning")  # numpy's, about empty CSV
@given(st.binary(max_size=200), st.sampled_from([*READABLE, "", None, "x/y", "text/csv; a=b"]))
def test_no_body_breaks_the_decoder(body: bytes, content_type: str | None) -> None:
    with suppress(HandlerInputError):
        decode(received(body, content_type), content_type)


@settings(max_examples=50)
@given(
    st.recursive(
        st.text(max_size=9) | st.none(),
        lambda inner: st.dictionaries(st.text(max_size=9), inner | st.integers() | st.lists(st.integers())),
        max_leaves=9,
    )
)
def test_an_object_survives_the_way_in_and_out(value: object) -> None:
    assert decode(encode(value, JSON)[0].decode(), JSON).tolist() == value


@given(ARRAYS, st.sampled_from(WRITABLE))
def test_rows_survive_the_way_in_and_out(rows: list[list[float]], kind: str) -> None:
    body, written = encode(np.array(rows), kind)

    assert written == kind
    np.testing.assert_array_equal(decode(received(body, kind), kind), np.array(rows))


def test_a_sparse_matrix_comes_in() -> None:
    raw = io.BytesIO()
    sparse.save_npz(raw, sparse.csr_matrix([[0, 1], [2, 0]]))

    assert decode(raw.getvalue(), NPZ).toarray().tolist() == [[0, 1], [2, 0]]


def test_a_pickle_is_not_opened() -> None:
    raw = io.BytesIO()
    np.save(raw, np.array([{"a": 1}]))

    with pytest.raises(HandlerInputError, match="allow_pickle=False"):
        decode(raw.getvalue(), NPY)


@pytest.mark.parametrize(
    ("body", "kind"),
    [("[1, [2]]", JSON), ("{", JSON), ("[" * 100_000, JSON), ("1,2\n3", CSV), (b"no", NPY), (b"no", NPZ)],
)
def test_a_body_that_is_not_of_its_type_is_refused(body: Any, kind: str) -> None:
    with pytest.raises(HandlerInputError, match=f"not valid {kind}"):
        decode(body, kind)


@pytest.mark.parametrize(
    "kind", ["", None, "text/plain", "application/json; charset=utf-8", "TEXT/CSV", NPZ + " "]
)
def test_types_are_compared_as_they_stand(kind: str | None) -> None:
    with pytest.raises(UnsupportedFormatError, match="is not supported"):
        decode(b"1", kind)


def test_the_first_type_that_can_be_written_is_taken() -> None:
    assert encode([[1, 2]], "image/png, text/csv,application/json") == (b"1,2\n", CSV)
    assert encode([1], " application/json ") == (b"[1]", JSON)
    assert json.loads(encode({"a": np.int64(1)}, JSON)[0]) == {"a": 1}
    assert np.load(io.BytesIO(encode([1, 2], NPY)[0])).tolist() == [1, 2]


def test_an_answer_that_cannot_be_written_is_refused() -> None:
    for accept in ("image/png", "*/*;q=0.1", "application/json;q=1", ""):
        with pytest.raises(UnsupportedFormatError, match="no way to answer"):
            encode([1], accept)
    with pytest.raises(TypeError, match="type object is not JSON serializable"):
        encode({"a": object()}, JSON)
    with pytest.raises(ValueError, match="0D array"):
        encode(1, CSV)
