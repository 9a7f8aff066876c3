"""JSON bodies like one that is given: with fields and rows more or fewer, other types, and what is hard to read."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from chaos.offline.specs import InferenceTestSample
from chaos.offline.variants.bodies import Kinds, beside, bodies, of_type, repeated
from chaos.offline.variants.texts import LARGE_NUMBERS, NEGATIVE_ZERO, NOT_A_NUMBER, unusual
from chaos.offline.variants.values import Path, at, changed, places, replaced

__all__ = ["json_bodies"]

DEPTHS = (50, 500, 1_000, 5_000, 100_000)
"""Python's reader gives up somewhere near the second or the fourth, by its version."""

EMPTY: tuple[Any, ...] = ({}, [], "", None, [[]])
OTHER: tuple[Any, ...] = (None, True, 0, 1.5, "1", "text", [], [1.0], {}, {"value": 1})
FIELDS = ("extra", "__proto__", "__class__", "", "data", "$ref", "é")
LONE_SURROGATES = (r'"\ud800"', r'"\udc00\ud800"', r'"\u0000"')

_MARK = "\0here\0"
"""Stands where a token goes that no JSON writer would write; its written form is in no other text."""


def json_bodies(sample: InferenceTestSample) -> Kinds:
    """By kind, what a body in JSON may become; of one that is not JSON only what any body may."""
    kinds = bodies(sample, text=True)
    try:
        value = json.loads(sample.data)
    except (ValueError, RecursionError):
        return kinds
    found = {kind: of_type(strategy, sample.content_type) for kind, strategy in _changed(value).items()}
    return {**beside(kinds, found), "empty": kinds["empty"] | found["empty"]}


def _changed(value: Any) -> dict[str, st.SearchStrategy[bytes]]:
    paths = places(value)
    numbers = [path for path in paths if isinstance(at(value, path), int | float)] or paths
    texts = [path for path in paths if isinstance(at(value, path), str)] or paths
    fields = [path for path in paths if path and isinstance(path[-1], str)]
    objects = [path for path in paths if isinstance(at(value, path), dict)]
    rows = [path for path in paths if isinstance(at(value, path), list)]
    full = [path for path in rows if at(value, path)]
    found: dict[str, st.SearchStrategy[bytes]] = {
        "wrong type": _places(value, paths, st.sampled_from(OTHER)),
        "NaN": _tokens(value, numbers, st.sampled_from(NOT_A_NUMBER)),
        "negative zero": _tokens(value, numbers, st.sampled_from(NEGATIVE_ZERO)),
        "large number": _tokens(value, numbers, st.sampled_from(LARGE_NUMBERS)),
        "unicode": _tokens(value, texts, _written(unusual))
        | _tokens(value, texts, st.sampled_from(LONE_SURROGATES)),
        "deep nesting": _deep(value, paths),
        "huge": _huge(value, full, texts),
        "empty": _places(value, paths, st.sampled_from(EMPTY)),
    }
    if fields:
        found["missing field"] = st.sampled_from(fields).map(lambda path: _dumped(_without(value, path)))
    if objects:
        found["added field"] = _added(value, objects)
        found["repeated field"] = _twice(value, objects)
    if full:
        found["fewer rows"] = _counted(value, full, fewer=True)
        found["more rows"] = _counted(value, full, fewer=False)
        found["other rank"] = _ranks(value, full)
    return found


def _places(value: Any, paths: list[Path], new: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Something new in one place."""
    return st.tuples(st.sampled_from(paths), new).map(
        lambda drawn: _dumped(replaced(value, drawn[0], drawn[1]))
    )


def _tokens(value: Any, paths: list[Path], tokens: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """In one place a token that is written as it stands."""
    return st.tuples(st.sampled_from(paths), tokens).map(lambda drawn: _with_token(value, *drawn))


def _written(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Text as JSON, in ASCII or as it is."""
    return st.tuples(texts, st.booleans()).map(lambda drawn: json.dumps(drawn[0], ensure_ascii=drawn[1]))


def _with_token(value: Any, path: Path, token: str) -> bytes:
    return _dumped(replaced(value, path, _MARK)).replace(_dumped(_MARK), token.encode())


def _without(value: Any, path: Path) -> Any:
    *parent, name = path
    return changed(value, tuple(parent), lambda old: {key: each for key, each in old.items() if key != name})


def _added(value: Any, objects: list[Path]) -> st.SearchStrategy[bytes]:
    names = st.sampled_from(FIELDS) | st.text(max_size=8)
    return st.tuples(st.sampled_from(objects), names, st.sampled_from(OTHER)).map(
        lambda drawn: _dumped(changed(value, drawn[0], lambda old: {**old, drawn[1]: drawn[2]}))
    )


def _twice(value: Any, objects: list[Path]) -> st.SearchStrategy[bytes]:
    """One key twice in one object: readers differ in which of the values counts."""

    def written(drawn: tuple[Path, Any]) -> bytes:
        path, other = drawn
        there = at(value, path)
        name = json.dumps(next(iter(there), "value"))
        first = [f"{json.dumps(key)}: {json.dumps(each)}" for key, each in there.items()] or [f"{name}: 0"]
        return _with_token(value, path, "{" + ", ".join([*first, f"{name}: {json.dumps(other)}"]) + "}")

    return st.tuples(st.sampled_from(objects), st.sampled_from(OTHER)).map(written)


def _counted(value: Any, rows: list[Path], fewer: bool) -> st.SearchStrategy[bytes]:
    @st.composite
    def counted(draw: st.DrawFn) -> bytes:
        path = draw(st.sampled_from(rows))
        there: list[Any] = at(value, path)
        if fewer:
            return _dumped(replaced(value, path, there[: draw(st.integers(0, len(there) - 1))]))
        more = draw(st.integers(1, 3) | st.sampled_from([10, 1000]))
        return _dumped(replaced(value, path, there + [there[n % len(there)] for n in range(more)]))

    return counted()


def _ranks(value: Any, rows: list[Path]) -> st.SearchStrategy[bytes]:
    """Lists in lists where there were none, the other way round, and rows that differ in length."""
    changes = {
        "wrapped": lambda there: [there],
        "wrapped twice": lambda there: [[there]],
        "each wrapped": lambda there: [[each] for each in there],
        "unwrapped": lambda there: there[0],
        "ragged": lambda there: [*there, there[:1]] if isinstance(there[0], list) else [*there, there],
    }
    return st.tuples(st.sampled_from(rows), st.sampled_from(sorted(changes))).map(
        lambda drawn: _dumped(changed(value, drawn[0], changes[drawn[1]]))
    )


def _deep(value: Any, paths: list[Path]) -> st.SearchStrategy[bytes]:
    nests = [("[", "]", "1"), ('{"a":', "}", "1"), ("[", "]", "")]
    return st.tuples(st.sampled_from(paths), st.sampled_from(DEPTHS), st.sampled_from(nests)).map(
        lambda drawn: _with_token(
            value, drawn[0], drawn[2][0] * drawn[1] + drawn[2][2] + drawn[2][1] * drawn[1]
        )
    )


def _huge(value: Any, full: list[Path], texts: list[Path]) -> st.SearchStrategy[bytes]:
    """Far more rows than there are; or one text without end, where there is no list."""

    def rows(size: int) -> bytes:
        # the outermost list is where a client with many rows puts them
        there: list[Any] = at(value, full[0])
        one = ", ".join(json.dumps(each) for each in there)
        return _with_token(value, full[0], "[" + ", ".join([one] * (size // (len(one) + 2) + 1)) + "]")

    def text(size: int) -> bytes:
        return _dumped(replaced(value, texts[0], "x" * size))

    return repeated(rows if full else text)


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()
