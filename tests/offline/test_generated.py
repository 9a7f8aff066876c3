"""Generated samples: each kind is what its name says, all come early, and the same seed gives the same."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chaos.errors import DocumentError
from chaos.handlers.formats import CSV, JSON, NPY, HandlerInputError, decode
from chaos.offline.generated import CANARY, MOST_BYTES, VALID, Generated, generate
from chaos.offline.specs import InferenceTestSample
from chaos.offline.variants.arrays import npy_bodies
from chaos.offline.variants.bodies import MIB
from chaos.offline.variants.drawing import drawn
from chaos.offline.variants.texts import LARGE_NUMBERS


def saved(array: Any) -> bytes:
    raw = io.BytesIO()
    np.save(raw, array)
    return raw.getvalue()


VALUE: dict[str, Any] = {"instances": [[1.0, 2.0], [3.0, 4.0]], "mode": "fast", "options": {"k": 3}}
EXAMPLES = {
    JSON: InferenceTestSample(data=json.dumps(VALUE).encode()),
    CSV: InferenceTestSample(content_type=CSV, data=b"1.0,2.0,a\n3.0,4.0,b\n"),
    NPY: InferenceTestSample(content_type=NPY, data=saved(np.arange(12.0).reshape(3, 4))),
    "image/png": InferenceTestSample(content_type="image/png", data=b"\x89PNG...."),
}
ANY = {"empty", "garbage", "wrong content type", "truncated", "huge", "pickled"}
OF = {
    JSON: {
        *(*ANY, "not UTF-8", "wrong type", "NaN", "negative zero", "large number", "unicode"),
        *("deep nesting", "missing field", "added field", "repeated field"),
        *("fewer rows", "more rows", "other rank"),
    },
    CSV: {
        *(*ANY, "not UTF-8", "wrong type", "empty field", "NaN", "negative zero", "large number"),
        *("unicode", "quotes", "header", "index column", "more columns", "fewer columns"),
        *("ragged rows", "more rows", "fewer rows", "other separator"),
    },
    NPY: {
        *(*ANY, "wrong type", "other rank", "more rows", "fewer rows", "more columns"),
        *("transposed", "overstated shape", "NaN", "negative zero", "large number"),
    },
    "image/png": ANY,
}


@pytest.fixture(scope="module")
def made() -> dict[str, list[Generated]]:
    return {kind: generate([example], 150, 1) for kind, example in EXAMPLES.items()}


def of(made: dict[str, list[Generated]], content_type: str, kind: str) -> list[InferenceTestSample]:
    found = [each.sample for each in made[content_type] if each.kind == kind]
    assert found
    return found


def values(made: dict[str, list[Generated]], kind: str) -> list[Any]:
    return [json.loads(sample.data) for sample in of(made, JSON, kind)]


def tables(made: dict[str, list[Generated]], kind: str) -> list[list[list[str]]]:
    samples = of(made, CSV, kind)
    return [list(csv.reader(io.StringIO(sample.data.decode(), newline=""))) for sample in samples]


def arrays(made: dict[str, list[Generated]], kind: str) -> list[Any]:
    return [np.load(io.BytesIO(sample.data)) for sample in of(made, NPY, kind)]


@pytest.mark.parametrize("content_type", EXAMPLES)
def test_each_kind_comes_once_before_any_comes_twice(
    made: dict[str, list[Generated]], content_type: str
) -> None:
    first = [each.kind for each in made[content_type][: len(OF[content_type])]]

    assert len(first) == len(set(first))
    assert set(first) == OF[content_type]


def test_the_same_seed_gives_the_same(made: dict[str, list[Generated]]) -> None:
    example = EXAMPLES[JSON]

    assert generate([example], 150, 1) == made[JSON]
    assert generate([example], 150, 2) != made[JSON]
    assert generate(list(EXAMPLES.values()), 60, 3) == generate(list(EXAMPLES.values()), 60, 3)


def test_there_are_as_many_as_wanted_and_no_two_alike(made: dict[str, list[Generated]]) -> None:
    for samples in made.values():
        requests = {(each.sample.content_type, each.sample.data) for each in samples}
        assert len(requests) == len({each.sample.sample_name for each in samples}) == len(samples)
    assert len(made[JSON]) == len(made[CSV]) == 150
    assert [len(generate([EXAMPLES[JSON]], count, 1)) for count in (0, 1, 7)] == [0, 1, 7]


def test_none_is_said_to_succeed(made: dict[str, list[Generated]]) -> None:
    assert not any(each.sample.should_succeed for samples in made.values() for each in samples)


def test_huge_ones_are_bounded(made: dict[str, list[Generated]]) -> None:
    for content_type in EXAMPLES:
        sizes = sorted(len(sample.data) / MIB for sample in of(made, content_type, "huge"))
        assert [int(size) for size in sizes] == [1, 2, 4, 8]
        assert all(len(each.sample.data) < MIB for each in made[content_type] if each.kind != "huge")


def test_large_examples_are_not_made_many_times_larger() -> None:
    large = InferenceTestSample(data=json.dumps(["x" * (3 * MIB)]).encode())
    found = generate([large], 100, 1)

    assert sum(len(each.sample.data) for each in found) <= MOST_BYTES
    assert {"truncated", "empty", "wrong content type"} <= {each.kind for each in found}


def test_bodies_that_no_reader_takes(made: dict[str, list[Generated]]) -> None:
    for content_type in (JSON, CSV):
        for sample in of(made, content_type, "not UTF-8"):
            with pytest.raises(UnicodeDecodeError):
                sample.data.decode()
    for content_type, example in EXAMPLES.items():
        for sample in of(made, content_type, "truncated"):
            assert example.data.startswith(sample.data)
            assert 0 < len(sample.data) < len(example.data)
        for sample in of(made, content_type, "wrong content type"):
            assert sample.data == example.data
            assert sample.content_type != content_type


def test_json_with_other_fields(made: dict[str, list[Generated]]) -> None:
    for value in values(made, "missing field"):
        assert value.keys() < VALUE.keys() or value["options"] == {}
    for value in values(made, "added field"):
        assert value.keys() >= VALUE.keys()
        assert value.keys() > VALUE.keys() or len(value["options"]) > 1 or value != VALUE
    for sample in of(made, JSON, "repeated field"):
        assert any(len(set(names)) < len(names) for names in names_in(sample.data))


def names_in(data: bytes) -> list[list[str]]:
    """The names of the fields of each object in JSON, as they stand."""
    found: list[list[str]] = []
    json.loads(data, object_pairs_hook=lambda pairs: found.append([name for name, _ in pairs]))
    return found


def test_json_with_other_rows(made: dict[str, list[Generated]]) -> None:
    size = len(str(VALUE))
    assert all(len(str(value)) < size for value in values(made, "fewer rows"))
    assert all(len(str(value)) > size for value in values(made, "more rows"))
    assert all(value["instances"] != VALUE["instances"] for value in values(made, "other rank"))


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [number for each in inner for number in numbers(each)]
    return [float(value)] if isinstance(value, int | float) else []


def test_json_with_odd_numbers(made: dict[str, list[Generated]]) -> None:
    tokens = [sample.data for sample in of(made, JSON, "NaN")]
    read = [numbers(json.loads(data)) for data in tokens if b"nan" not in data and b"inf" not in data]
    assert len(read) > 5
    assert all(not np.all(np.isfinite(found)) for found in read)
    for value in values(made, "negative zero"):
        assert value["options"]["k"] == 0 or any(n == 0 for n in numbers(value["instances"]))
    large = [sample.data for sample in of(made, JSON, "large number")]
    assert max(map(len, large)) > 5000
    assert all(any(token.encode() in data for token in LARGE_NUMBERS) for data in large)


def test_json_that_is_deep(made: dict[str, list[Generated]]) -> None:
    depths = [max(s.data.count(b"["), s.data.count(b'{"a"')) for s in of(made, JSON, "deep nesting")]

    assert min(depths) >= 50
    assert max(depths) >= 5000


def test_json_with_unicode(made: dict[str, list[Generated]]) -> None:
    bodies = [sample.data for sample in of(made, JSON, "unicode")]

    assert any(b"\\ud" in data for data in bodies)
    assert any(not data.isascii() for data in bodies)
    for data in bodies:
        assert json.loads(data).keys() >= {"instances", "mode"}


def test_tables_of_other_shapes(made: dict[str, list[Generated]]) -> None:
    shapes: dict[str, Callable[[list[list[str]]], bool]] = {
        "more rows": lambda rows: len(rows) > 2,
        "fewer rows": lambda rows: len(rows) < 2,
        "more columns": lambda rows: all(len(row) > 3 for row in rows),
        "fewer columns": lambda rows: all(len(row) < 3 for row in rows),
        "ragged rows": lambda rows: len({len(row) for row in rows}) == 2,
        "index column": lambda rows: rows[-1][0] == "1" and len(rows[0]) == 4,
        "header": lambda rows: "feature0" in rows[0][0] and len(rows) == 3,
        "empty field": lambda rows: len(rows) == 2 and all(len(row) == 3 for row in rows),
        "wrong type": lambda rows: len(rows) == 2 and all(len(row) == 3 for row in rows),
    }
    for kind, holds in shapes.items():
        for rows in tables(made, kind):
            assert holds(rows), (kind, rows)


def test_arrays_of_other_shapes(made: dict[str, list[Generated]]) -> None:
    assert all(array.shape[0] > 3 and array.shape[1:] == (4,) for array in arrays(made, "more rows"))
    assert all(array.shape[0] < 3 for array in arrays(made, "fewer rows"))
    assert all(array.shape[1] > 4 for array in arrays(made, "more columns"))
    assert {array.ndim for array in arrays(made, "other rank")} == {0, 1, 3, 4}
    assert len({array.dtype.kind for array in arrays(made, "wrong type")}) >= 5
    assert all(not np.isfinite(array).all() for array in arrays(made, "NaN"))
    assert all((np.signbit(array) & (array == 0)).any() for array in arrays(made, "negative zero"))
    for sample in of(made, NPY, "overstated shape"):
        with pytest.raises((HandlerInputError, MemoryError)):
            decode(sample.data, NPY)


@pytest.mark.parametrize("content_type", EXAMPLES)
def test_a_pickle_tells_that_it_was_loaded(
    made: dict[str, list[Generated]], content_type: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for sample in of(made, content_type, "pickled"):
        assert sample.content_type == NPY
        with pytest.raises(HandlerInputError):
            decode(sample.data, NPY)
        assert capsys.readouterr().out == ""
        np.load(io.BytesIO(sample.data), allow_pickle=True)
        assert CANARY in capsys.readouterr().out


def odd_arrays() -> list[Any]:
    return [
        np.zeros(2, "i1,f4"),
        np.array(["ä"]),
        np.array([1 + 2j]),
        np.zeros((2, 0)),
        np.array(3),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.array([True]),
        np.ones(3, "f2"),
        np.zeros((2, 2), dtype=">i2", order="F"),
    ]


@pytest.mark.parametrize("array", odd_arrays(), ids=lambda array: array.dtype.str)
def test_arrays_of_any_type_can_be_varied(array: Any) -> None:
    kinds = npy_bodies(InferenceTestSample(content_type=NPY, data=saved(array)))

    assert kinds.keys() >= {"other rank", "wrong type", "more rows"}
    for kind, strategy in kinds.items():
        assert drawn(strategy, 8, 1), kind


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"values": {"type": "array", "items": {"type": "number"}, "minItems": 2}},
    "required": ["values"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("samples", [[], [EXAMPLES[CSV]]])
def test_a_schema_gives_what_is_valid_and_what_is_not(samples: list[InferenceTestSample]) -> None:
    found = generate(samples, 90, 1, SCHEMA)
    kinds = {each.kind for each in found}
    validator = Draft202012Validator(SCHEMA)

    words = {"type", "required", "additionalProperties", "minItems"}
    assert kinds >= {VALID, *(f"violates {word}" for word in words)}
    assert ("added field" in kinds) == (not samples)
    for each in found:
        assert each.sample.should_succeed == (each.kind == VALID)
        if each.kind == VALID or each.kind.startswith("violates"):
            assert each.sample.content_type == JSON
            assert validator.is_valid(json.loads(each.sample.data)) == (each.kind == VALID)


def test_of_what_should_not_succeed_nothing_is_made() -> None:
    bad = InferenceTestSample(data=b'"bad"', should_succeed=False)

    assert generate([bad, EXAMPLES[JSON]], 40, 1) == generate([EXAMPLES[JSON]], 40, 1)
    assert generate([bad], 40, 1)


def test_nothing_to_make_others_from() -> None:
    with pytest.raises(DocumentError, match="none to make others from"):
        generate([], 5, 1)
    with pytest.raises(DocumentError, match="not known here"):
        generate([], 5, 1, {"not": {}})
    with pytest.raises(DocumentError, match="no value was found that fits"):
        generate([], 5, 1, {"type": "string", "enum": [1]})


@settings(max_examples=12, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(
        lambda value: json.dumps(value).encode()
    )
    | st.sampled_from([b'"\\', b"a,b\r\r\n", b'"', b"\xef\xbb\xbf[1]", b"[" * 9999, saved(np.zeros((0, 3)))])
    | st.sampled_from([saved(np.float32(1)), saved(np.array(["a"])), saved(np.zeros(2, "i1,f4"))]),
    st.sampled_from([JSON, CSV, NPY, "Text/CSV; charset=utf-8", "text/plain", "nonsense"]),
    st.integers(0, 3),
)
def test_any_example_gives_samples(data: bytes, content_type: str, seed: int) -> None:
    found = generate([InferenceTestSample(data=data, content_type=content_type)], 25, seed)

    assert len(found) == 25
    assert {each.kind for each in found} >= ANY - {"truncated"}
