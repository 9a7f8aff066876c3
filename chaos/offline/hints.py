"""What is peculiar about a file that a handler could not read, in words that help to mend the script or the handler."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from chaos.handlers.formats import CSV, JSON, NPY

__all__ = ["hints"]

ROWS = 1000
"""So many rows of a table are looked at."""
NAMED = 3
"""So many columns with the same trouble are named."""
SHOWN = 30


def hints(data: bytes, content_type: str) -> tuple[str, ...]:
    """Sentences about a body that was sent as this type; none if there is nothing to say."""
    looks: Mapping[str, Callable[[bytes], list[str]]] = {CSV: _csv, JSON: _json, NPY: _npy}
    if content_type not in looks:
        return ()
    if not data.strip():
        return ("it is empty",)
    return tuple(looks[content_type](data))


def _csv(data: bytes) -> list[str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [f"it is not UTF-8 text at byte {error.start}"]
    found = ["it starts with a byte order mark"] if data.startswith(b"\xef\xbb\xbf") else []
    try:
        rows = [(row, line) for row, line in islice(_rows(text), ROWS) if row]
    except csv.Error as error:
        return [*found, f"it is not CSV: {error}"]
    if not rows:
        return found
    header = _header(rows)
    body = rows[1:] if header else rows
    if header:
        found.append(f"its first line is a header ({_list(header)}), not data")
    if separator := _separator(rows):
        return [*found, f"its fields are separated by {separator}, not by commas"]
    width = len(rows[0][0])
    if ragged := next(((row, line) for row, line in rows if len(row) != width), None):
        found.append(f"line {ragged[1]} has {len(ragged[0])} fields, line {rows[0][1]} has {width}")
    if _is_index(header, [row[0] for row, _ in body]):
        found.append("its first column counts the rows: an index, as pandas writes it unless index=False")
    return [*found, *_columns(header, body, width)]


def _rows(text: str) -> Iterator[tuple[list[str], int]]:
    """Each row with the line in which it starts."""
    reader = csv.reader(io.StringIO(text, newline=""))
    line = 1
    for row in reader:
        yield row, line
        line = reader.line_num + 1


def _header(rows: list[tuple[list[str], int]]) -> list[str]:
    """The first row, if it has no number and the next one has."""
    if len(rows) < 2 or any(map(_is_number, rows[0][0])) or not any(map(_is_number, rows[1][0])):
        return []
    return rows[0][0]


def _separator(rows: list[tuple[list[str], int]]) -> str:
    if any(len(row) > 1 for row, _ in rows):
        return ""
    names = {";": "';'", "\t": "tabs", "|": "'|'", " ": "spaces"}
    return next((name for mark, name in names.items() if all(mark in row[0].strip() for row, _ in rows)), "")


def _is_index(header: list[str], first: list[str]) -> bool:
    counts = len(first) > 1 and first in ([str(n + start) for n in range(len(first))] for start in (0, 1))
    named = bool(header) and header[0].strip().lower() in ("", "index", "unnamed: 0")
    return counts and (named or not header)


def _columns(header: list[str], rows: list[tuple[list[str], int]], width: int) -> list[str]:
    """Columns with texts or nothing where numbers are meant."""
    texts, blanks = [], []
    for column in range(width):
        cells = [(row[column], line) for row, line in rows if column < len(row)]
        name = f"column {column + 1}" + (f" ({_cut(header[column])})" if header else "")
        if blank := next((line for cell, line in cells if not cell.strip()), None):
            blanks.append(f"{name} is empty in line {blank}")
        odd = next(((cell, line) for cell, line in cells if cell.strip() and not _is_number(cell)), None)
        if odd is not None:
            texts.append(f"{name} holds text, such as {_cut(odd[0])!r} in line {odd[1]}")
    return [*_some(texts), *_some(blanks)]


def _some(found: list[str]) -> list[str]:
    more = len(found) - NAMED
    return [*found[:NAMED], *([f"so it is with {more} more columns"] if more > 0 else [])]


def _json(data: bytes) -> list[str]:
    try:
        value = json.loads(data, parse_constant=lambda name: _Constant(name))
    except UnicodeDecodeError as error:
        return [f"it is not UTF-8 text at byte {error.start}"]
    except RecursionError:
        return ["it is nested too deeply"]
    except ValueError as error:
        lines = [line for line in data.splitlines() if line.strip()]
        if len(lines) > 1 and all(map(_is_json, lines)):
            return [f"it is JSON lines, {len(lines)} values with one in each line, not one JSON value"]
        return [f"it is not JSON: {error}"]
    found = [f"it is {_described(value)}"]
    if constant := next(iter(_constants(value)), None):
        found.append(f"it holds {constant}, which is not JSON")
    if isinstance(value, list) and len({len(row) for row in value if isinstance(row, list)}) > 1:
        found.append("its rows differ in length")
    return found


class _Constant(float):
    """NaN or an infinity, by the name that it has in the text."""

    def __new__(cls, name: str) -> _Constant:
        return super().__new__(cls, name.replace("Infinity", "inf"))

    def __init__(self, name: str) -> None:
        self.name = name


def _constants(value: Any) -> list[str]:
    waiting, found = [value], list[str]()
    while waiting and not found:
        each = waiting.pop()
        if isinstance(each, _Constant):
            found.append(each.name)
        elif isinstance(each, dict | list):
            waiting += each.values() if isinstance(each, dict) else each
    return found


def _described(value: Any) -> str:
    """What a JSON value is made of, and how pandas may have come to write it so."""
    if isinstance(value, dict):
        of_columns = value and all(isinstance(each, dict) for each in value.values())
        frame = ", as pandas writes a table with orient='columns'" if of_columns else ""
        return f"an object with the fields {_list(list(value))}{frame}" if value else "an empty object"
    if not isinstance(value, list):
        return f"a single {'text' if isinstance(value, str) else 'value'}, {_cut(json.dumps(value))}"
    if not value:
        return "an empty list"
    first = value[0]
    if isinstance(first, dict):
        return f"a list of {len(value)} objects with the fields {_list(list(first))}"
    if isinstance(first, list):
        return f"a list of {len(value)} lists, the first with {len(first)} items"
    return f"a list of {len(value)} {'texts' if isinstance(first, str) else 'values'}"


def _npy(data: bytes) -> list[str]:
    if not data.startswith(b"\x93NUMPY"):
        return ["it is not in NPY format"]
    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # a broken file, in numpy's words
        pickled = "Object arrays" in str(error)
        return ["it holds objects in a pickle, which is not read"] if pickled else [f"it is broken: {error}"]
    return [f"it is an array of {array.dtype}, shape {array.shape}"]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _list(names: list[str]) -> str:
    more = ", …" if len(names) > 5 else ""
    return ", ".join(map(_cut, names[:5])) + more


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
