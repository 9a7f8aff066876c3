"""CSV bodies like one that is given: other numbers of rows and columns, headers, texts where numbers were."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from hypothesis import strategies as st

from chaos.offline.specs import InferenceTestSample
from chaos.offline.variants.bodies import Kinds, beside, bodies, of_type, repeated
from chaos.offline.variants.texts import LARGE_NUMBERS, NEGATIVE_ZERO, NOT_A_NUMBER, unusual

__all__ = ["csv_bodies"]

Rows = list[list[str]]

MOST = 2000
"""Of a large table only so many rows are changed; all are kept."""


def csv_bodies(sample: InferenceTestSample) -> Kinds:
    """By kind, what a body in CSV may become; of one that is no table only what any body may."""
    kinds = bodies(sample, text=True)
    try:
        text = sample.data.decode()
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    except (UnicodeDecodeError, csv.Error):
        return kinds
    if not rows:
        return kinds
    found = {
        "wrong type": _cells(
            rows, st.sampled_from(["text", "true", "1.5.2", "1 000", "0x10", "2026-01-31", "[1]"])
        ),
        "empty field": _cells(rows, st.sampled_from(["", " ", "NA", "null", "None"])),
        "NaN": _cells(rows, st.sampled_from(NOT_A_NUMBER)),
        "negative zero": _cells(rows, st.sampled_from(NEGATIVE_ZERO)),
        "large number": _cells(rows, st.sampled_from(LARGE_NUMBERS)),
        "unicode": _cells(rows, unusual),
        "quotes": _cells(rows, st.sampled_from(['say "1"', "1,5", "two\nlines", '"'])) | _written(rows),
        "header": _headers(rows),
        "index column": st.booleans().map(lambda named: _text(_numbered(rows, named))),
        "more columns": _wider(rows),
        "fewer columns": _narrower(rows),
        "ragged rows": _ragged(rows),
        "more rows": (st.integers(1, 3) | st.sampled_from([10, 1000])).map(
            lambda more: _text(rows + [rows[number % len(rows)] for number in range(more)])
        ),
        "fewer rows": st.integers(min(1, len(rows) - 1), min(len(rows), MOST) - 1).map(
            lambda count: _text(rows[:count])
        ),
        "other separator": _separated(text),
        "huge": repeated(_repeats(rows)),
    }
    return beside(kinds, {name: of_type(strategy, sample.content_type) for name, strategy in found.items()})


def _text(rows: Rows) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _cells(rows: Rows, new: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Something else in one field."""

    @st.composite
    def changed(draw: st.DrawFn) -> bytes:
        row = draw(st.integers(0, min(len(rows), MOST) - 1))
        column = draw(st.integers(0, min(len(rows[row]), MOST) - 1))
        fields = list(rows[row])
        fields[column] = draw(new)
        return _text([*rows[:row], fields, *rows[row + 1 :]])

    return changed()


def _written(rows: Rows) -> st.SearchStrategy[bytes]:
    """The same table with each field in quotes, or with a quote that nothing closes."""
    quoted = io.StringIO()
    csv.writer(quoted, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return st.sampled_from([quoted.getvalue().encode(), b'"' + _text(rows)])


def _headers(rows: Rows) -> st.SearchStrategy[bytes]:
    names = [f"feature{number}" for number in range(len(rows[0]))]
    return st.sampled_from([names, ["#" + names[0], *names[1:]]]).map(lambda first: _text([first, *rows]))


def _numbered(rows: Rows, named: bool) -> Rows:
    """As pandas writes a table with its index."""
    header = [["", *(f"feature{number}" for number in range(len(rows[0])))]] if named else []
    return header + [[str(number), *row] for number, row in enumerate(rows)]


def _wider(rows: Rows) -> st.SearchStrategy[bytes]:
    return (st.integers(1, 3) | st.just(1000)).map(lambda more: _text([row + ["0"] * more for row in rows]))


def _narrower(rows: Rows) -> st.SearchStrategy[bytes]:
    width = max(map(len, rows))
    return st.integers(0, max(0, width - 1)).map(lambda kept: _text([row[:kept] for row in rows]))


def _ragged(rows: Rows) -> st.SearchStrategy[bytes]:
    """One row longer or shorter than the others; there are at least two rows."""
    several = rows if len(rows) > 1 else rows * 2

    def uneven(drawn: tuple[int, int]) -> bytes:
        place, by = drawn
        row = several[place]
        other = row + ["0"] * by if by > 0 else row[:by]
        return _text([*several[:place], other, *several[place + 1 :]])

    return st.tuples(st.integers(0, min(len(several), MOST) - 1), st.sampled_from([1, -1, 5])).map(uneven)


def _separated(text: str) -> st.SearchStrategy[bytes]:
    return st.sampled_from([";", "\t", "|", " ", ", "]).map(lambda mark: text.replace(",", mark).encode()) | (
        st.sampled_from(["\r\n", "\r", "\n\n"]).map(lambda end: text.replace("\n", end).encode())
    )


def _repeats(rows: Rows) -> Callable[[int], bytes]:
    one = _text(rows)
    return lambda size: one * (size // len(one) + 1)
