"""What is said about a file helps to mend it; and something is said about any bytes."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.handlers.formats import CSV, JSON, NPY
from chaos.offline.hints import hints


def saved(array: Any) -> bytes:
    raw = io.BytesIO()
    np.save(raw, array, allow_pickle=True)
    return raw.getvalue()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2\n3,4\n", []),
        ("", ["it is empty"]),
        ("a,b\n1,2\n3,4\n", ["its first line is a header (a, b), not data"]),
        ("Oslo,Bern\nRome,Kiev\n", ["column 1 holds text, such as 'Oslo' in line 1", "column 2 holds text"]),
        (
            ",a,b\n0,1,2\n1,3,4\n",
            [
                "its first line is a header (, a, b), not data",
                "its first column counts the rows: an index, as pandas writes it unless index=False",
            ],
        ),
        ("0,1.5\n1,2.5\n2,3.5\n", ["its first column counts the rows"]),
        ("id,a\n0,1.5\n1,2.5\n", ["its first line is a header"]),
        ("1,2\n3,north\n", ["column 2 holds text, such as 'north' in line 2"]),
        (
            "size,city\n1,Oslo\n2,Bern\n",
            [
                "its first line is a header (size, city)",
                "column 2 (city) holds text, such as 'Oslo' in line 2",
            ],
        ),
        ("1,2\n,4\n", ["column 1 is empty in line 2"]),
        ("1,2\n3\n", ["line 2 has 1 fields, line 1 has 2"]),
        ('1,"two\nlines"\n3\n', ["line 3 has 1 fields, line 1 has 2", "column 2 holds text"]),
        ("1;2\n3;4\n", ["its fields are separated by ';', not by commas"]),
        ("1\t2\n", ["its fields are separated by tabs, not by commas"]),
        ("\ufeff1,2\n", ["it starts with a byte order mark"]),
        (",".join("abcde") + "\n", ["column 1", "column 2", "column 3", "so it is with 2 more columns"]),
    ],
)
def test_a_table(text: str, said: list[str]) -> None:
    found = hints(text.encode(), CSV)

    assert bool(found) == bool(said)
    assert all(sentence.startswith(start) for sentence, start in zip(found, said, strict=False))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" ", "it is empty"),
        ('{"a": 1}\n{"a": 2}\n', "it is JSON lines, 2 values with one in each line, not one JSON value"),
        ("[1,\n", "it is not JSON: Expecting value: line 2 column 1"),
        ('{"a": {"0": 1}, "b": {"0": 2}}', "it is an object with the fields a, b, as pandas writes a table"),
        ('{"a": 1}', "it is an object with the fields a"),
        ("{}", "it is an empty object"),
        ("[]", "it is an empty list"),
        ('[{"a": 1, "b": 2}]', "it is a list of 1 objects with the fields a, b"),
        ("[[1, 2], [3, 4]]", "it is a list of 2 lists, the first with 2 items"),
        ("[[1, 2], [3]]", "its rows differ in length"),
        ('["a"]', "it is a list of 1 texts"),
        ("[1, NaN]", "it holds NaN, which is not JSON"),
        ('{"a": [-Infinity]}', "it holds -Infinity, which is not JSON"),
        ('"a"', 'it is a single text, "a"'),
        ("[" * 100_000, "it is nested too deeply"),
    ],
)
def test_a_json_value(text: str, said: str) -> None:
    assert any(sentence.startswith(said) for sentence in hints(text.encode(), JSON)), hints(
        text.encode(), JSON
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (saved(np.zeros((2, 3), "f4")), "it is an array of float32, shape (2, 3)"),
        (saved(np.array([None])), "it holds objects in a pickle, which is not read"),
        (saved(np.zeros(3))[:-1], "it is broken: "),
        (b"1,2", "it is not in NPY format"),
    ],
)
def test_an_array(data: bytes, said: str) -> None:
    (found,) = hints(data, NPY)

    assert found.startswith(said)


def test_text_in_another_coding() -> None:
    assert hints("é,1".encode("latin-1"), CSV) == ("it is not UTF-8 text at byte 0",)
    assert hints('["é"]'.encode("latin-1"), JSON) == ("it is not UTF-8 text at byte 2",)


@given(
    st.binary(max_size=40)
    | st.text(max_size=40).map(str.encode)
    | st.text('a1,;."\n\t [{NaN:', max_size=40).map(str.encode)
    | st.lists(st.floats() | st.text(max_size=3)).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([CSV, JSON, NPY, "text/plain"]),
)
def test_whatever_the_bytes_are_there_are_sentences(data: bytes, content_type: str) -> None:
    found = hints(data, content_type)

    assert all(sentence.startswith(("it", "its", "line", "column", "so")) for sentence in found)
    assert found or content_type in (CSV, "text/plain")
