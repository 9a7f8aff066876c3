"""Values that fit a JSON Schema.

Numbers without bounds stay within what every reader of JSON keeps exact (RFC 8259: 53 bits), texts and lists stay
short: what is valid should be what a handler is made for, and the large is a kind of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from chaos.errors import DocumentError
from chaos.offline.variants.schema import TYPES, Schema

__all__ = ["anything", "instances"]

EXACT = 2**53
MORE = 4
"""Items, characters or fields beyond the least that there have to be."""

SHALLOW, DEEPEST = 3, 16
"""After so many references within each other, only what has to be there is; and none go beyond that many."""

anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-EXACT, EXACT)
    | st.floats(-EXACT, EXACT)
    | st.text(max_size=MORE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=MORE), inner, max_size=3),
    max_leaves=5,
)
"""Any small JSON value."""

FORMATS: Mapping[str, st.SearchStrategy[str]] = {
    "date": st.dates().map(str),
    "date-time": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    "time": st.times().map(lambda time: f"{time.isoformat()}Z"),
    "uuid": st.uuids().map(str),
    "email": st.emails(),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
}


def instances(schema: Schema, full: bool = False) -> st.SearchStrategy[Any]:
    """Values that fit.

    :param full: with all that may be there, as far as it ends: fields that are not required, an item in each list
    :raises DocumentError: if nothing that fits has an end
    """
    return _Instances(schema, full).of(schema.root, 0).filter(schema.fits)


class _Instances:
    def __init__(self, schema: Schema, full: bool) -> None:
        self._schema = schema
        self._full = full

    def of(self, part: Any, depth: int) -> st.SearchStrategy[Any]:
        """What fits a part, more or less: words that do not go together are for the filter."""
        if isinstance(part, Mapping) and self._schema.refers(part):
            depth += 1
            if depth > DEEPEST:
                raise DocumentError(
                    self._schema.place, "what fits has no end", "let what refers to itself be left out"
                )
        whole = self._schema.whole(part)
        if not isinstance(whole, Mapping):
            return anything if whole else st.nothing()
        for word in ("anyOf", "oneOf"):
            if word in whole:
                return self._alternatives(whole, word, depth)
        if "const" in whole:
            return st.just(whole["const"])
        if "enum" in whole:
            return st.sampled_from(whole["enum"]) if whole["enum"] else st.nothing()
        makers: Mapping[str, Callable[[Mapping[str, Any], int], st.SearchStrategy[Any]]] = {
            "null": lambda part, depth: st.none(),
            "boolean": lambda part, depth: st.booleans(),
            "integer": lambda part, depth: _integers(part),
            "number": lambda part, depth: _numbers(part),
            "string": lambda part, depth: _texts(part),
            "array": self._arrays,
            "object": self._objects,
        }
        return st.one_of([makers[name](whole, depth) for name in _types(whole)])

    def _alternatives(self, whole: Mapping[str, Any], word: str, depth: int) -> st.SearchStrategy[Any]:
        rest = {other: value for other, value in whole.items() if other != word}
        choices = [{"allOf": [rest, each]} for each in whole[word]]
        ending = [each for each in choices if not self._schema.refers(each)]
        if depth > SHALLOW and ending:
            choices = ending
        return st.one_of([self.of(each, depth) for each in choices])

    def _arrays(self, part: Mapping[str, Any], depth: int) -> st.SearchStrategy[list[Any]]:
        least: int = part.get("minItems", 0)
        if depth > SHALLOW and not least:
            return st.builds(list)
        head = [self.of(each, depth) for each in part.get("prefixItems", ())]
        rest = self.of(part.get("items", True), depth)
        # what no value fits ends the list before it
        whole = next((place for place, each in enumerate(head) if each.is_empty), len(head))
        most = min(part.get("maxItems", math.inf), least if depth > SHALLOW else least + MORE + len(head))
        if whole < len(head) or rest.is_empty:
            most = min(most, whole)
        if least > most:
            return st.nothing()
        if self._full:
            least = max(least, min(1, int(most)))
        if most <= whole:
            return st.tuples(*head[: int(most)]).map(list)
        items = st.lists(
            rest,
            min_size=max(0, least - whole),
            max_size=int(most) - whole,
            unique_by=repr if part.get("uniqueItems") else None,
        )
        return st.tuples(st.tuples(*head), items).map(lambda parts: [*parts[0], *parts[1]])

    def _objects(self, part: Mapping[str, Any], depth: int) -> st.SearchStrategy[dict[str, Any]]:
        named: Mapping[str, Any] = part.get("properties", {})
        others = part.get("additionalProperties", True)
        needed = {name: self.of(named.get(name, others), depth) for name in part.get("required", ())}
        optional = {
            name: field
            for name, each in ({} if depth > SHALLOW else named).items()
            if name not in needed and not (field := self.of(each, depth)).is_empty
        }
        if self._full:
            needed, optional = {**needed, **optional}, {}
        fields = st.fixed_dictionaries(needed, optional=optional)
        lacking = part.get("minProperties", 0) - len(needed)
        if others is False or lacking <= 0 or part.get("maxProperties", math.inf) <= len(needed):
            return fields
        values = self.of(others, depth)
        if values.is_empty:
            return fields
        names = st.text("abcdefgh", min_size=1, max_size=MORE)
        more = st.dictionaries(names, values, min_size=lacking, max_size=lacking + 1)
        return st.tuples(more, fields).map(lambda parts: {**parts[0], **parts[1]})


def _types(part: Mapping[str, Any]) -> list[str]:
    """The types that a value may have; if it does not say, what its words are about."""
    if "type" in part:
        return [part["type"]] if isinstance(part["type"], str) else list(part["type"])
    about = {
        "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
        "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
        "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        "string": ("minLength", "maxLength", "pattern", "format"),
    }
    return [name for name, words in about.items() if part.keys() & set(words)] or list(TYPES)


def _bounds(part: Mapping[str, Any]) -> tuple[float, float]:
    """The least and the greatest that a number may be; where only one is given, the other is not far beyond it."""
    low = max(part.get("minimum", -math.inf), part.get("exclusiveMinimum", -math.inf))
    high = min(part.get("maximum", math.inf), part.get("exclusiveMaximum", math.inf))
    if low == -math.inf:
        low = min(-EXACT, high - EXACT)
    if high == math.inf:
        high = max(EXACT, low + EXACT)
    return low, high


def _integers(part: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    low, high = _bounds(part)
    step = part.get("multipleOf", 1)
    if step != int(step):
        return _multiples(part, step).filter(lambda value: float(value).is_integer()).map(int)
    first, last = math.ceil(low), math.floor(high)
    first += first == part.get("exclusiveMinimum")
    last -= last == part.get("exclusiveMaximum")
    first, last = -(-first // int(step)), last // int(step)
    return st.integers(first, last).map(lambda number: number * int(step)) if first <= last else st.nothing()


def _numbers(part: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "multipleOf" in part:
        return _multiples(part, part["multipleOf"])
    low, high = _bounds(part)
    if low > high:
        return st.nothing()
    return st.floats(float(low), float(high)) | _integers(part)


def _multiples(part: Mapping[str, Any], step: float) -> st.SearchStrategy[Any]:
    low, high = _bounds(part)
    first, last = math.ceil(low / step), math.floor(high / step)
    return st.integers(first, last).map(lambda number: number * step) if first <= last else st.nothing()


def _texts(part: Mapping[str, Any]) -> st.SearchStrategy[str]:
    least = part.get("minLength", 0)
    most = min(part.get("maxLength", least + 4 * MORE), least + 4 * MORE)
    if "pattern" in part:
        return st.from_regex(part["pattern"])
    if part.get("format") in FORMATS:
        return FORMATS[part["format"]]
    return st.text(min_size=least, max_size=most) if least <= most else st.nothing()
