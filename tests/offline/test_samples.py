"""A directory of samples is read as it stands, and every mistake in it is one clear error."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos.errors import DocumentError
from chaos.handlers.formats import CSV, JSON, NPY, NPZ
from chaos.offline.samples import SIDE, SampleDocument, read_samples


def side(directory: Path, name: str, **fields: Any) -> Path:
    path = directory / f"{name}{SIDE}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields))
    return path


def payload(directory: Path, name: str, data: bytes = b"[1]") -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_files_are_sent_as_their_suffix_says(tmp_path: Path) -> None:
    names = ["d.npz", "B.JSON", "c/one.npy", "a.csv"]
    for name in names:
        payload(tmp_path, name, name.encode())

    samples = read_samples(tmp_path)

    assert [sample.sample_name for sample in samples] == ["B.JSON", "a.csv", "c/one.npy", "d.npz"]
    assert [sample.content_type for sample in samples] == [JSON, CSV, NPY, NPZ]
    assert all(sample.data == sample.sample_name.encode() for sample in samples)
    assert all(sample.should_succeed and sample.expected is None for sample in samples)


def test_the_order_in_which_files_were_written_does_not_matter(tmp_path: Path) -> None:
    names = [f"{place}/{number}.json" for place in "ab" for number in range(6)]
    read = []
    for seed in range(2):
        random.Random(seed).shuffle(names)
        for name in names:
            payload(tmp_path / str(seed), name, name.encode())
        read.append(read_samples(tmp_path / str(seed)))

    assert read[0] == read[1]


def test_a_side_file_says_what_the_payload_cannot(tmp_path: Path) -> None:
    payload(tmp_path, "image.bin", b"\x89PNG")
    side(
        tmp_path,
        "image.bin",
        content_type="image/png",
        accept=CSV,
        should_succeed=False,
        error_pattern="^too small",
    )

    (sample,) = read_samples(tmp_path)

    assert (sample.content_type, sample.accept, sample.data) == ("image/png", CSV, b"\x89PNG")
    assert (sample.should_succeed, sample.error_pattern) == (False, "^too small")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"expected": {"a": [1, None]}}, b'{"a": [1, null]}'),
        ({"expected": None}, b"null"),
        ({"expected": "yes"}, b'"yes"'),
        ({"expected": "yes", "accept": "text/csv, application/json"}, b'"yes"'),
        ({"expected": "1,2\n", "accept": CSV}, b"1,2\n"),
        ({"expected": [1], "accept": CSV}, b"[1]"),
        ({}, None),
    ],
)
def test_an_answer_that_stands_in_the_side_file(
    tmp_path: Path, fields: dict[str, Any], expected: bytes | None
) -> None:
    payload(tmp_path, "one.json")
    side(tmp_path, "one.json", **fields)

    assert read_samples(tmp_path)[0].expected == expected


def test_an_answer_in_a_file_is_no_sample(tmp_path: Path) -> None:
    payload(tmp_path, "one.json")
    payload(tmp_path, "answers/one.dat", b"\x00\x01")
    side(tmp_path, "one.json", expected_file="answers/one.dat")

    (sample,) = read_samples(tmp_path)

    assert (sample.sample_name, sample.expected) == ("one.json", b"\x00\x01")


def test_a_sample_may_be_its_own_answer(tmp_path: Path) -> None:
    payload(tmp_path, "one.json")
    side(tmp_path, "one.json", expected_file="one.json")

    (sample,) = read_samples(tmp_path)

    assert sample.data == sample.expected


def test_what_is_hidden_is_left_out(tmp_path: Path) -> None:
    payload(tmp_path, "one.json")
    for name in (".DS_Store", ".git/config", "one.json~", "__pycache__/x.pyc"):
        payload(tmp_path, name)

    assert [sample.sample_name for sample in read_samples(tmp_path)] == ["one.json"]


def no_directory(directory: Path) -> Path:
    return directory / "missing"


def a_file(directory: Path) -> Path:
    return payload(directory, "one.json")


def empty(directory: Path) -> Path:
    return directory


def only_hidden(directory: Path) -> Path:
    payload(directory, ".hidden/one.json")
    return directory


def unknown_suffix(directory: Path) -> Path:
    payload(directory, "one.txt")
    return directory


def fifo(directory: Path) -> Path:
    os.mkfifo(directory / "one.json")
    return directory


def dangling(directory: Path) -> Path:
    (directory / "one.json").symlink_to("nowhere")
    return directory


def orphan(directory: Path) -> Path:
    payload(directory, "one.json")
    side(directory, "two.json")
    return directory


def no_answer(directory: Path) -> Path:
    payload(directory, "one.json")
    side(directory, "one.json", expected_file="answer.json")
    return directory


def odd_answer(directory: Path) -> Path:
    payload(directory, "one.json")
    side(directory, "one.json", expected_file="an\0swer.json")
    return directory


@pytest.mark.parametrize(
    ("make", "place", "words"),
    [
        (no_directory, "missing", "no such directory"),
        (a_file, "one.json", "no such directory"),
        (empty, "", "holds no sample"),
        (only_hidden, "", "holds no sample"),
        (unknown_suffix, "one.txt", r"not known by its name.*one\.txt\.sample\.json"),
        (fifo, "one.json", "not a file"),
        (dangling, "one.json", "cannot be read"),
        (orphan, "two.json.sample.json", r"no payload 'two\.json'"),
        (no_answer, "answer.json", "cannot be read"),
        (odd_answer, "an\0swer.json", "cannot be read"),
    ],
)
def test_a_directory_that_is_wrong(tmp_path: Path, make: Any, place: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words) as caught:
        read_samples(make(tmp_path))
    assert caught.value.place == str(tmp_path / place)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"sample\.json:1:2: not JSON"),
        ("[]", "has to be an object"),
        ('{"conten_type": "text/csv"}', "did you mean 'content_type'"),
        ('{"should_succeed": "no"}', "should_succeed: .*boolean"),
        ('{"should_succeed": false, "error_pattern": "("}', "error_pattern: '[(]' is no regular expression"),
        ('{"error_pattern": "x"}', "goes with 'should_succeed': false"),
        ('{"should_succeed": false, "expected": 1}', "'expected' goes with 'should_succeed': true"),
        ('{"expected": null, "expected_file": "x"}', "keep one of them"),
        ('{"expected": NaN}', "no finite number"),
        ('{"expected_file": ""}', "expected_file: .*at least 1"),
        (r'{"accept": "a\r\nb"}', "accept: .*cannot be sent"),
        ('{"content_type": "ä/ö"}', "content_type: .*cannot be sent"),
    ],
)
def test_a_side_file_that_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    payload(tmp_path, "one.json")
    path = payload(tmp_path, f"one.json{SIDE}", text.encode())

    with pytest.raises(DocumentError, match=words) as caught:
        read_samples(tmp_path)
    assert str(caught.value).startswith(str(path))


words = st.sampled_from(
    ["content_type", "accept", "should_succeed", "error_pattern", "expected", "expected_file", "other"]
)
values = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.lists(st.text(max_size=2))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.binary(max_size=40) | st.dictionaries(words, values).map(lambda each: json.dumps(each).encode()))
def test_any_side_file_is_a_sample_or_a_document_error(tmp_path: Path, content: bytes) -> None:
    payload(tmp_path, "one.json")
    path = payload(tmp_path, f"one.json{SIDE}", content)

    try:
        (sample,) = read_samples(tmp_path)
    except DocumentError as caught:
        error = str(caught)
    else:
        error = ""
        assert sample.data == b"[1]"
        assert set(json.loads(path.read_bytes())) <= set(SampleDocument.model_fields)
    assert not error or error.startswith(str(tmp_path))
    assert "pydantic" not in error
