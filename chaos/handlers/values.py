"""A value that a handler returned, in words, and as a digest: the same for equal values, in any process.

Values are whatever a package makes, so nothing of theirs is trusted: what cannot be read has no digest.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

__all__ = ["digest_of", "type_of", "words_of"]

DEEPEST = 32
MOST_ITEMS = 200_000
"""Items of containers that are read; a value with more has no digest."""
MOST_BYTES = 256 << 20
SHOWN = 40


class _Unreadable(Exception):  # noqa: N818
    """The value is of a type that says nothing of its content, or there is too much of it."""


def type_of(value: object) -> str:
    """Its class with its module, such as ``numpy.ndarray``; that of a built-in one without."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def words_of(value: Any) -> str:
    """For a person: the class, and what tells most about such a value in a few words.

    Arrays, tables and sparse matrices are told by type and shape, containers by length, numbers and short text as
    they are.
    """
    name = type(value).__name__
    try:
        return _words(value, name)
    except BaseException:  # a property of the handler's own
        return name


def _words(value: Any, name: str) -> str:
    if value is None or isinstance(value, bool | int | float | complex | np.generic):
        text = str(value)
        return text if value is None else f"{name} {text if len(text) <= SHOWN else text[:SHOWN] + '…'}"
    if isinstance(value, str):
        return f"str {json.dumps(value)}" if len(value) <= SHOWN else f"str of {len(value)} characters"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{name} of {len(value)} bytes"
    if hasattr(value, "shape"):
        kind = f" {value.dtype}" if hasattr(value, "dtype") else ""
        return f"{name}{kind} {tuple(value.shape)}"
    if isinstance(value, Mapping):
        keys = ", ".join(str(key)[:SHOWN] for key in list(value)[:5])
        return f"{name} with {len(value)} keys" + (
            f" ({keys}{', …' if len(value) > 5 else ''})" if keys else ""
        )
    if isinstance(value, tuple | list | set | frozenset):
        kinds = {type(each).__name__ for each in value} if len(value) <= MOST_ITEMS else set()
        return f"{name} of {len(value)}" + (f" {next(iter(kinds))}" if len(kinds) == 1 else "")
    return name


def digest_of(value: Any) -> str:
    """SHA-256 over its type and content; empty for what has no content that could be read.

    Read are None, numbers, text, bytes, arrays (numpy's, and what gives one, such as a table of pandas), and the
    built-in containers of these. A set and a dictionary are the same in any order.
    """
    digest = hashlib.sha256()
    try:
        _feed(digest, value, 0, [MOST_ITEMS, MOST_BYTES])
    except BaseException:  # SystemExit in an __array__ of the handler's, as well
        return ""
    return digest.hexdigest()


def _feed(digest: Any, value: Any, depth: int, left: list[int]) -> None:
    left[0] -= 1
    if depth > DEEPEST or left[0] < 0:
        raise _Unreadable
    if value is None or isinstance(value, bool | int | float | complex | str):
        _raw(digest, type_of(value), repr(value).encode(errors="surrogatepass"), left)
    elif isinstance(value, bytes | bytearray | memoryview):
        _raw(digest, type_of(value), bytes(value), left)
    elif isinstance(value, np.ndarray | np.generic):
        _array(digest, np.asarray(value), depth, left)
    elif isinstance(value, Mapping):
        _unordered(digest, value, ((key, value[key]) for key in value), depth, left)
    elif isinstance(value, tuple | list):
        _raw(digest, type_of(value), struct.pack("<Q", len(value)), left)
        for each in value:
            _feed(digest, each, depth + 1, left)
    elif isinstance(value, set | frozenset):
        _unordered(digest, value, value, depth, left)
    elif hasattr(value, "columns") and hasattr(value, "to_numpy"):
        _raw(digest, type_of(value), repr([str(each) for each in value.columns]).encode(), left)
        _array(digest, np.asarray(value.to_numpy()), depth, left)
    elif hasattr(value, "__array__"):
        _raw(digest, type_of(value), b"", left)
        _array(digest, np.asarray(value), depth, left)
    else:
        raise _Unreadable


def _raw(digest: Any, kind: str, content: bytes, left: list[int]) -> None:
    left[1] -= len(content)
    if left[1] < 0:
        raise _Unreadable
    digest.update(struct.pack("<QQ", len(kind), len(content)) + kind.encode() + content)


def _array(digest: Any, array: Any, depth: int, left: list[int]) -> None:
    if array.dtype.hasobject:
        _raw(digest, "array of objects", repr(array.shape).encode(), left)
        for each in array.ravel().tolist():
            _feed(digest, each, depth + 1, left)
    else:
        _raw(digest, f"array of {array.dtype.str} {array.shape}", np.ascontiguousarray(array).tobytes(), left)


def _unordered(digest: Any, value: Any, items: Iterable[Any], depth: int, left: list[int]) -> None:
    each_digest = []
    for item in items:
        one = hashlib.sha256()
        _feed(one, item, depth + 1, left)
        each_digest.append(one.digest())
    _raw(digest, type_of(value), b"".join(sorted(each_digest)), left)
