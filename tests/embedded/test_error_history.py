"""The error history on disk: bounded, latest first, and no line that a killed manager wrote by half stops it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from chaos.embedded.error_history import KEPT, ErrorEntry, ErrorHistory


def entry(number: int, model: str = "m") -> ErrorEntry:
    return ErrorEntry(
        "2026-01-01T00:00:00.000Z", float(number), model, "9000", number + 1, "Killed", "", "signal 9"
    )


def test_a_new_manager_knows_it(tmp_path: Path) -> None:
    path = tmp_path / "errors.jsonl"
    history = ErrorHistory(path)
    for number in range(3):
        history.add(entry(number, "a" if number else "b"))
    assert [error["pid"] for error in ErrorHistory(path).latest()] == [3, 2, 1]
    assert [error["pid"] for error in ErrorHistory(path).latest("a", 1)] == [3]
    assert history.clear("a") == 2
    assert [error["model"] for error in ErrorHistory(path).latest()] == ["b"]
    assert history.clear() == 1
    assert ErrorHistory(path).latest() == []


def test_it_is_bounded_in_memory_and_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "errors.jsonl"
    history = ErrorHistory(path)
    for number in range(3 * KEPT):
        history.add(entry(number))
    assert len(history.latest(limit=10 * KEPT)) == KEPT
    assert history.latest(limit=1)[0]["pid"] == 3 * KEPT
    assert len(path.read_text().splitlines()) <= 2 * KEPT + 1
    assert ErrorHistory(path).latest() == history.latest()


@given(
    st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8")), max_size=5),
    st.integers(0, 300),
)
def test_lines_that_are_none_are_passed_over(garbage: list[str], cut: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "errors.jsonl"
        ErrorHistory(path).add(entry(1))
        good = path.read_text()
        path.write_text("\n".join([*garbage, good, good[: min(cut, len(good) - 3)]]))

        assert [error["pid"] for error in ErrorHistory(path).latest()] == [2]
