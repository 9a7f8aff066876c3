"""Values that break a JSON Schema in one place, by the word that they break."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from chaos.offline.variants.instances import anything, instances
from chaos.offline.variants.schema import Schema
from chaos.offline.variants.values import Path, at, replaced

__all__ = ["violations"]

FEW = st.integers(1, 3)

_TYPICAL: list[Any] = [None, True, 0, -1, 1.5, "", "1", "text", [], [[]], [1], {}, {"a": 1}]
ODD = st.sampled_from(_TYPICAL) | anything
"""Values of all types; one that a schema does not want is soon found among them."""


def violations(schema: Schema) -> dict[str, st.SearchStrategy[Any]]:
    """For each word of the schema that can be broken, values that do not fit and are otherwise like what fits."""
    whole = instances(schema, full=True)
    used = schema.words()
    return {word: _broken(schema, whole, word) for word in BREAKERS if word in used}


@st.composite
def _broken(draw: st.DrawFn, schema: Schema, whole: st.SearchStrategy[Any], word: str) -> Any:
    value = draw(whole)
    places = [(path, part) for path, part in _places(schema, value, schema.root, ()) if word in part]
    assume(places)
    path, part = draw(st.sampled_from(places))
    spoilt = replaced(value, path, draw(BREAKERS[word](at(value, path), part)))
    assume(not schema.fits(spoilt))
    return spoilt


def _places(schema: Schema, value: Any, part: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Where a word can be broken: the paths of all values within this one, with the part of the schema for each."""
    whole = schema.whole(part)
    if not isinstance(whole, Mapping):
        return
    yield path, whole
    for each in [*whole.get("anyOf", ()), *whole.get("oneOf", ())]:
        if schema.fits(value, each):
            yield from _places(schema, value, each, path)
    if isinstance(value, dict):
        for name, inner in value.items():
            its = whole.get("properties", {}).get(name, whole.get("additionalProperties", True))
            yield from _places(schema, inner, its, (*path, name))
    elif isinstance(value, list):
        first = whole.get("prefixItems", [])
        for number, inner in enumerate(value):
            its = first[number] if number < len(first) else whole.get("items", True)
            yield from _places(schema, inner, its, (*path, number))


Breaker = Callable[[Any, Mapping[str, Any]], st.SearchStrategy[Any]]


def _odd(_value: Any, _part: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return ODD


def _shorter(value: Any, part: Mapping[str, Any], word: str) -> st.SearchStrategy[Any]:
    return st.integers(0, max(0, part[word] - 1)).map(lambda count: value[:count]) if _sized(value) else ODD


def _longer(value: Any, part: Mapping[str, Any], word: str) -> st.SearchStrategy[Any]:
    if not _sized(value):
        return ODD
    more: Any = value or ("x" if isinstance(value, str) else [None])
    return FEW.map(lambda count: (more * (int(part[word]) + count))[: int(part[word]) + count])


def _sized(value: Any) -> bool:
    return isinstance(value, str | list)


def _without(value: Any, part: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    there = [name for name in part["required"] if isinstance(value, dict) and name in value]
    return st.sampled_from(there).map(lambda name: _dropped(value, name)) if there else ODD


def _dropped(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key != name}


def _with_more(value: Any, _part: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if not isinstance(value, dict):
        return ODD
    return st.tuples(st.sampled_from(["unexpected", "Unexpected", "", "__class__"]), ODD).map(
        lambda field: {**value, field[0]: field[1]}
    )


def _fewer_fields(value: Any, part: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if not isinstance(value, dict):
        return ODD
    return st.integers(0, max(0, part["minProperties"] - 1)).map(
        lambda count: dict(list(value.items())[:count])
    )


def _more_fields(value: Any, part: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if not isinstance(value, dict):
        return ODD
    return FEW.map(
        lambda count: {**value, **{f"unexpected{n}": None for n in range(int(part["maxProperties"]) + count)}}
    )


def _beyond(word: str, sign: int) -> Breaker:
    return lambda _value, part: (st.integers(0, 1000) | st.floats(0, 1e6)).map(
        lambda distance: part[word] + sign * distance
    )


BREAKERS: Mapping[str, Breaker] = {
    "type": _odd,
    "required": _without,
    "additionalProperties": _with_more,
    "enum": _odd,
    "const": _odd,
    "minimum": _beyond("minimum", -1),
    "maximum": _beyond("maximum", 1),
    "exclusiveMinimum": _beyond("exclusiveMinimum", -1),
    "exclusiveMaximum": _beyond("exclusiveMaximum", 1),
    "multipleOf": lambda _value, part: st.integers(-100, 100).map(lambda n: (n + 0.5) * part["multipleOf"]),
    "minLength": lambda value, part: _shorter(value, part, "minLength"),
    "maxLength": lambda value, part: _longer(value, part, "maxLength"),
    "pattern": lambda value, part: st.text(max_size=8),
    "minItems": lambda value, part: _shorter(value, part, "minItems"),
    "maxItems": lambda value, part: _longer(value, part, "maxItems"),
    "uniqueItems": lambda value, part: (
        st.just([*value, value[0]]) if isinstance(value, list) and value else ODD
    ),
    "minProperties": _fewer_fields,
    "maxProperties": _more_fields,
    "anyOf": _odd,
    "oneOf": _odd,
}
"""What comes in place of a value, by the word that it is to break. What fits all the same is drawn again."""
