"""What JSON values are to a schema: of which type, equal to which, and what two schemas are together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["merged", "of_type", "same"]


def of_type(value: object, name: str) -> bool:
    """Whether a JSON value is of a type by its name."""
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    kinds: Mapping[str, type | tuple[type, ...]] = {
        "null": type(None),
        "number": (int, float),
        "string": str,
        "array": list,
        "object": dict,
    }
    return name in kinds and isinstance(value, kinds[name])


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def merged(one: Any, other: Any) -> Any:
    """One schema for both. Where they do not go together it says less than both, never that all is well with what
    breaks one: who draws by it asks :meth:`Schema.fits` as well."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return other if one is True else one if other is True else False
    found = dict(one)
    for word, value in other.items():
        found[word] = _both(word, found[word], value) if word in found else value
    return found


def _both(word: str, one: Any, other: Any) -> Any:
    if word == "properties":
        shared = {name: merged(one[name], other[name]) for name in one.keys() & other.keys()}
        return {**one, **other, **shared}
    if word == "required":
        return list(dict.fromkeys([*one, *other]))
    if word == "type":
        return _types(one, other)
    if word == "enum":
        return [value for value in one if any(same(value, each) for each in other)]
    if word in ("items", "additionalProperties"):
        return merged(one, other)
    if word.startswith(("min", "exclusiveMin")):
        return max(one, other)
    return min(one, other) if word.startswith(("max", "exclusiveMax")) else other


def _types(one: Any, other: Any) -> list[str]:
    first, second = ([each] if isinstance(each, str) else each for each in (one, other))
    found = [name for name in first if name in second]
    if "integer" not in found and "integer" in (*first, *second) and {"number"} & {*first, *second}:
        found.append("integer")
    return found
