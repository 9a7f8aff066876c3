"""What is wrong with an answer, and where two answers differ."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from chaos.handlers.formats import JSON, NPY

__all__ = ["difference", "start_of", "unlike", "wrong_with_answer"]

RELATIVE = 1e-9
"""Numbers of an answer that is expected may differ by so much of themselves: they were written on another machine."""
SHOWN = 200


def wrong_with_answer(body: bytes, content_type: str) -> tuple[str, ...]:
    """What a client that believes the content type would stumble over."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        try:
            json.loads(body, parse_constant=_refuse)
        except ValueError as error:
            return (f"the answer is no {kind}: {error}",)
        except RecursionError:
            return (f"the answer is {kind} that is nested too deeply to be read",)
    elif kind.startswith("text/"):
        try:
            body.decode()
        except UnicodeDecodeError as error:
            return (f"the answer is {kind}, but no UTF-8: {error.reason} at byte {error.start}",)
    elif kind == NPY and not body.startswith(b"\x93NUMPY"):
        return (f"the answer is no {kind}: it does not begin with what says so",)
    return ()


def unlike(expected: bytes, body: bytes) -> str:
    """Where an answer is not as expected; empty if it is.

    Compared as JSON if both are, numbers up to a relative difference of 1e-9; else as text without the line ends at its
    end, or as bytes.
    """
    return _apart(expected, body, RELATIVE)


def difference(one: bytes, other: bytes) -> str:
    """Where two answers to the same request differ; empty if they are the same bytes."""
    if one == other:
        return ""
    return _apart(one, other, 0.0) or "the same values, written otherwise"


def start_of(data: bytes) -> str:
    """The first characters."""
    return data[: 4 * SHOWN].decode(errors="replace")[:SHOWN]


def _apart(one: bytes, other: bytes, relative: float) -> str:
    try:
        return _json(json.loads(one), json.loads(other), "", relative)
    except (ValueError, RecursionError):
        pass
    if one.rstrip(b"\r\n") == other.rstrip(b"\r\n"):
        return ""
    place = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    return f"at byte {place}: {_piece(one, place)} and {_piece(other, place)}"


def _json(one: Any, other: Any, path: str, relative: float) -> str:
    """The first place where two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        if lacking := [key for key in one if key not in other] + [key for key in other if key not in one]:
            return f"{_at(path)}: only one has {lacking[0]!r}"
        pairs = [(f"{path}.{key}" if path else str(key), one[key], other[key]) for key in one]
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return f"{_at(path)}: {len(one)} and {len(other)} elements"
        pairs = [(f"{path}[{number}]", *each) for number, each in enumerate(zip(one, other, strict=True))]
    else:
        return "" if _same(one, other, relative) else f"{_at(path)}: {_value(one)} and {_value(other)}"
    return next((found for place, a, b in pairs if (found := _json(a, b, place, relative))), "")


def _same(one: Any, other: Any, relative: float) -> bool:
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, other))
    if numbers:
        return one == other or math.isclose(one, other, rel_tol=relative) or (one != one and other != other)
    return type(one) is type(other) and bool(one == other)


def _at(path: str) -> str:
    return f"at {path}" if path else "as a whole"


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _piece(data: bytes, place: int) -> str:
    return repr(data[place : place + 20].decode(errors="replace")) if place < len(data) else "nothing"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}")
