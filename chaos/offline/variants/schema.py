"""JSON Schema, as far as the payloads of models need it: a schema that is checked, and whether a value fits it.

These words are known: ``type enum const properties required additionalProperties minProperties maxProperties items
prefixItems minItems maxItems uniqueItems minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength
maxLength pattern anyOf oneOf allOf``, and ``$ref`` within the document, with their meaning of draft 2020-12. Others
that would have to hold are refused; notes, such as ``title`` and ``format``, never fail a value.

Why not a library: hypothesis-jsonschema (0.23.1, of 2024) stands still and fails with the Hypothesis of today, and it
makes no values that break a schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from chaos.documents import nearest
from chaos.errors import DocumentError
from chaos.offline.variants.comparing import merged, of_type, same

__all__ = ["TYPES", "Schema"]

Words = Mapping[str, Any]

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")

_SCHEMA = frozenset({"additionalProperties", "items"})
_SCHEMAS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED = frozenset({"properties", "$defs", "definitions"})
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_REFUSED = frozenset(
    {
        "not",
        "if",
        "then",
        "else",
        "patternProperties",
        "propertyNames",
        "contains",
        "minContains",
        "maxContains",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "unevaluatedItems",
        "unevaluatedProperties",
        "additionalItems",
        "$dynamicRef",
        "$recursiveRef",
    }
)


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema that is sound. ``root`` is the whole; its parts are plain values, as they stand in it."""

    root: Any
    place: str = "schema"

    @classmethod
    def checked(cls, document: object, place: str = "schema") -> Schema:
        """A document that can be understood.

        :raises DocumentError: naming the word that is not known here, or that has a value that it cannot have
        """
        schema = cls(document, place)
        try:
            for where, part in schema._reached():
                schema._check(part, where)
        except RecursionError:
            raise DocumentError(place, "nested too deeply", "make it flatter") from None
        return schema

    def whole(self, part: Any) -> Any:
        """A part with what it refers to merged into it: no ``$ref``, no ``allOf``.

        :raises DocumentError: if it refers to itself without end
        """
        try:
            return self._whole(part)
        except RecursionError:
            raise DocumentError(self.place, "it refers to itself without end", "") from None

    def fits(self, value: object, part: Any = None) -> bool:
        """Whether a JSON value fits the schema, or a part of it.

        :raises DocumentError: if it refers to itself without end
        """
        try:
            return self._fits(value, self.root if part is None else part)
        except RecursionError:
            raise DocumentError(self.place, "it refers to itself without end", "") from None

    def words(self) -> set[str]:
        """All words that are used anywhere."""
        return {word for _, part in self._reached() if isinstance(part, Mapping) for word in part}

    def refers(self, part: Any) -> bool:
        """Whether a part refers to another somewhere."""
        return any(isinstance(each, Mapping) and "$ref" in each for _, each in self._parts(part, ""))

    def _reached(self) -> Iterator[tuple[str, Any]]:
        """All parts, those included that are only referred to, by where they stand."""
        seen: set[int] = set()
        waiting = [(self.root, self.place)]
        while waiting:
            for place, part in self._parts(*waiting.pop()):
                if id(part) in seen:
                    continue
                seen.add(id(part))
                yield place, part
                if isinstance(part, Mapping) and "$ref" in part:
                    waiting.append((self._referred(part["$ref"], place), part["$ref"]))

    def _parts(self, part: Any, place: str) -> Iterator[tuple[str, Any]]:
        yield place, part
        if not isinstance(part, Mapping):
            return
        for word, value in part.items():
            if word in _SCHEMA:
                yield from self._parts(value, f"{place}.{word}")
            elif word in _SCHEMAS and isinstance(value, list):
                for number, each in enumerate(value):
                    yield from self._parts(each, f"{place}.{word}.{number}")
            elif word in _NAMED and isinstance(value, Mapping):
                for name, each in value.items():
                    yield from self._parts(each, f"{place}.{word}.{name}")

    def _check(self, part: Any, place: str) -> None:
        if isinstance(part, bool):
            return
        if not isinstance(part, Mapping):
            raise DocumentError(place, f"a schema is an object or a boolean, not {part!r:.60}")
        for word, value in part.items():
            if problem := _problem(word, value):
                raise DocumentError(f"{place}.{word}", *problem)

    def _referred(self, reference: str, place: str = "") -> Any:
        found: Any = self.root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, Mapping) and name in found:
                found = found[name]
            else:
                raise DocumentError(place or self.place, f"'{reference}' leads nowhere", "define it in $defs")
        return found

    def _whole(self, part: Any) -> Any:
        if not isinstance(part, Mapping) or not (part.keys() & {"$ref", "allOf"}):
            return part
        found: Any = {word: value for word, value in part.items() if word not in ("$ref", "allOf")}
        others = [self._referred(part["$ref"])] if "$ref" in part else []
        for other in [*others, *part.get("allOf", [])]:
            found = merged(found, self._whole(other))
        return found

    def _fits(self, value: Any, part: Any) -> bool:
        if not isinstance(part, Mapping):
            return bool(part)
        if "$ref" in part and not self._fits(value, self._referred(part["$ref"])):
            return False
        if not (_fits_any(value, part) and all(self._fits(value, each) for each in part.get("allOf", ()))):
            return False
        if "anyOf" in part and not any(self._fits(value, each) for each in part["anyOf"]):
            return False
        if "oneOf" in part and sum(self._fits(value, each) for each in part["oneOf"]) != 1:
            return False
        if isinstance(value, bool):
            return True
        if isinstance(value, int | float):
            return _fits_number(value, part)
        if isinstance(value, str):
            return _within(len(value), part, "Length") and bool(re.search(part.get("pattern", ""), value))
        if isinstance(value, list):
            return self._fits_array(value, part)
        return not isinstance(value, dict) or self._fits_object(value, part)

    def _fits_array(self, value: list[Any], part: Words) -> bool:
        first = part.get("prefixItems", [])
        if part.get("uniqueItems") and any(
            same(one, other) for number, one in enumerate(value) for other in value[:number]
        ):
            return False
        return (
            _within(len(value), part, "Items")
            and all(self._fits(each, its) for each, its in zip(value, first, strict=False))
            and all(self._fits(each, part.get("items", True)) for each in value[len(first) :])
        )

    def _fits_object(self, value: dict[str, Any], part: Words) -> bool:
        named, others = part.get("properties", {}), part.get("additionalProperties", True)
        return (
            _within(len(value), part, "Properties")
            and all(name in value for name in part.get("required", ()))
            and all(self._fits(each, named.get(name, others)) for name, each in value.items())
        )


def _problem(word: str, value: Any) -> tuple[str, str] | None:
    """What is wrong with the value of a word, and what to do about it."""
    if word in _REFUSED:
        return f"the word '{word}' is not known here", "leave it out: what is drawn will not heed it"
    if word in _COUNTS and not (of_type(value, "integer") and value >= 0):
        return "it is no count", f"given: {value!r:.60}"
    if word in _NUMBERS and not (of_type(value, "number") and math.isfinite(value)):
        return "it is no number", f"given: {value!r:.60}"
    if word == "multipleOf" and value <= 0:
        return "it has to be above 0", f"given: {value!r:.60}"
    if word == "type":
        names = value if isinstance(value, list) else [value]
        wrong = [name for name in names if name not in TYPES]
        return ("there is no such type", nearest(wrong[0], TYPES)) if wrong else None
    if word == "pattern":
        return _no_pattern(value)
    if word == "$ref" and not (isinstance(value, str) and re.fullmatch("#(/.*)?", value)):
        return "it leads out of the document", "copy what it means into $defs"
    if word in (*_SCHEMAS, "enum") and not (isinstance(value, list) and value):
        return "it is no list, or empty", "name at least one"
    if word in _NAMED and not isinstance(value, Mapping):
        return "it is no object", ""
    if word == "required" and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        return "it is no list of names", ""
    return None


def _no_pattern(value: Any) -> tuple[str, str] | None:
    try:
        re.compile(value)
    except (re.error, TypeError, OverflowError, RecursionError) as error:
        return f"it is no regular expression: {error}", ""
    return None


def _fits_any(value: Any, part: Words) -> bool:
    if "type" in part:
        names = part["type"] if isinstance(part["type"], list) else [part["type"]]
        if not any(of_type(value, name) for name in names):
            return False
    if "const" in part and not same(value, part["const"]):
        return False
    return "enum" not in part or any(same(value, each) for each in part["enum"])


def _fits_number(value: float, part: Words) -> bool:
    if not part.get("minimum", value) <= value <= part.get("maximum", value):
        return False
    if "exclusiveMinimum" in part and value <= part["exclusiveMinimum"]:
        return False
    if "exclusiveMaximum" in part and value >= part["exclusiveMaximum"]:
        return False
    return "multipleOf" not in part or _multiple(value, part["multipleOf"])


def _multiple(value: float, of: float) -> bool:
    if isinstance(value, int) and isinstance(of, int):
        return value % of == 0
    try:
        return float(value / of).is_integer()
    except OverflowError:
        return False


def _within(count: int, part: Words, what: str) -> bool:
    return bool(part.get(f"min{what}", 0) <= count <= part.get(f"max{what}", count))
