"""The history: append-only, readable after a crash at any byte, and nothing else is mistaken for one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.errors import RunDirectoryError
from chaos.history import HistoryWriter, read_history

VALUES = st.dictionaries(
    st.text().filter(lambda key: key not in ("kind", "at", "self")),
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    max_size=3,
)


@given(written=st.lists(VALUES, max_size=5), cut=st.integers(0, 10_000))
def test_what_was_written_is_read_back_whatever_byte_it_broke_off_at(
    tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, object]], cut: int
) -> None:
    directory = tmp_path_factory.mktemp("run")
    writer = HistoryWriter(directory)
    events = [writer.append("note", at=float(index), **values) for index, values in enumerate(written)]
    writer.close()
    path = directory / "history.jsonl"

    assert read_history(directory) == events
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    read = read_history(directory)
    assert read == events[: len(read)]
    assert len(read) >= whole[:cut].count(b"\n")


@given(content=st.binary(max_size=200))
def test_anything_else_is_one_clear_error_or_no_events(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    directory = tmp_path_factory.mktemp("run")
    (directory / "history.jsonl").write_bytes(content)
    with suppress(RunDirectoryError):
        assert all("kind" in event for event in read_history(directory))


def test_a_line_broken_in_the_middle_is_an_error_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"kind":"a","at":1}\n{"kind":\n{"kind":"b","at":2}\n')
    with pytest.raises(RunDirectoryError, match=r"history\.jsonl:2"):
        read_history(tmp_path)


def test_each_event_is_with_the_operating_system_at_once(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path)
    writer.append("note", text="first")

    assert read_history(tmp_path)[0]["text"] == "first"
    writer.close()
    writer.close()
