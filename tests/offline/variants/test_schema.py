"""Our reading of JSON Schema is that of the reference; what is drawn from a schema fits it, or breaks it as it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chaos.errors import DocumentError
from chaos.offline.variants.drawing import drawn
from chaos.offline.variants.instances import anything, instances
from chaos.offline.variants.schema import Schema
from chaos.offline.variants.violations import BREAKERS, violations

counts = st.integers(0, 3)
numbers = st.integers(-5, 5) | st.sampled_from([0.5, -2.5])
small: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | st.sampled_from(["", "a", "ab", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


def parts(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
            | st.just(["string", "array"]),
            "enum": st.lists(small, min_size=1, max_size=3),
            "const": small,
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "required": st.lists(st.sampled_from("abc"), unique=True, max_size=2),
            "additionalProperties": inner,
            "minProperties": counts,
            "maxProperties": counts,
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "minItems": counts,
            "maxItems": counts,
            "uniqueItems": st.booleans(),
            "minimum": numbers,
            "exclusiveMaximum": numbers,
            "multipleOf": st.sampled_from([1, 2, 0.5]),
            "minLength": counts,
            "maxLength": counts,
            "pattern": st.sampled_from(["a", "^b", "c$"]),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
        },
    )


schemas = st.recursive(st.booleans() | parts(st.booleans()), parts, max_leaves=3)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(schemas, small)
def test_a_value_fits_where_the_reference_says_so(document: Any, value: Any) -> None:
    assert Schema.checked(document).fits(value) == Draft202012Validator(document).is_valid(value)


TREE: dict[str, Any] = {
    "$ref": "#/$defs/tree",
    "$defs": {
        "tree": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 2, "maxLength": 5},
                "left": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tree"}]},
                "kin": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
            },
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}
REQUEST: dict[str, Any] = {
    "type": "object",
    "title": "A request",
    "properties": {
        "instances": {
            "type": "array",
            "items": {
                "type": "array",
                "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 10},
                "minItems": 4,
                "maxItems": 4,
            },
            "minItems": 1,
        },
        "mode": {"enum": ["fast", "exact"]},
        "k": {"type": "integer", "multipleOf": 3, "maximum": 30},
        "id": {"type": "string", "pattern": "^[a-z]+-[0-9]+$"},
        "version": {"const": 2},
        "day": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    },
    "required": ["instances", "mode"],
    "additionalProperties": False,
}
UNION: dict[str, Any] = {
    "oneOf": [
        {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
        {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}},
    ],
    "minProperties": 1,
    "maxProperties": 3,
}
BOTH: dict[str, Any] = {
    "allOf": [
        {"type": "number", "minimum": 3},
        {"type": "integer", "maximum": 5},
    ]
}
TUPLE: dict[str, Any] = {
    "type": "array",
    "prefixItems": [{"type": "string"}, {"type": "integer"}],
    "items": {"type": "boolean"},
    "minItems": 3,
}
SHAPES = {"tree": TREE, "request": REQUEST, "union": UNION, "both": BOTH, "tuple": TUPLE}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("full", [False, True])
def test_what_is_drawn_fits(name: str, full: bool) -> None:
    document = SHAPES[name]
    found = drawn(instances(Schema.checked(document), full), 50, 1)

    assert len({repr(value) for value in found}) >= 3
    for value in found:
        Draft202012Validator(document).validate(value)
    if full and name == "request":
        assert all(value.keys() == REQUEST["properties"].keys() for value in found)


@pytest.mark.parametrize("name", SHAPES)
def test_what_breaks_it_breaks_it(name: str) -> None:
    document = SHAPES[name]
    broken = violations(Schema.checked(document))

    assert set(broken) == BREAKERS.keys() & set(str(document).split("'"))
    for word, strategy in broken.items():
        found = drawn(strategy, 10, 1)
        assert len(found) == 10, word
        errors = [errors_of(document, value) for value in found]
        assert all(errors), word
        assert any(word in blamed(error) for each in errors for error in each), word


def errors_of(document: Any, value: Any) -> list[Any]:
    return list(Draft202012Validator(document).iter_errors(value))


def blamed(error: Any) -> set[str]:
    """The words that a value breaks, within alternatives as well."""
    return {error.validator}.union(*(blamed(inner) for inner in error.context or ()))


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(schemas, st.booleans())
@example({"minItems": 2, "maxItems": 1}, False)
@example({"items": {"prefixItems": [False]}}, False)
@example({"items": {"items": False}}, True)
@example({"type": "array", "prefixItems": [{}, False], "minItems": 1}, True)
@example({"properties": {"a": False}, "additionalProperties": False, "minProperties": 1}, True)
def test_what_any_schema_gives_fits(document: Any, full: bool) -> None:
    found = drawn(instances(Schema.checked(document), full), 5, 1)

    assert all(Draft202012Validator(document).is_valid(value) for value in found)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (3, "schema: a schema is an object or a boolean, not 3"),
        ({"properties": {"a": {"not": {}}}}, r"schema\.properties\.a\.not: .*not known here"),
        ({"type": "strin"}, r"schema\.type: there is no such type .*'string'"),
        ({"type": [{}]}, "no such type"),
        ({"items": {"minLength": -1}}, r"schema\.items\.minLength: it is no count"),
        ({"minimum": True}, "it is no number"),
        ({"exclusiveMinimum": True, "minimum": 1}, "it is no number"),
        ({"multipleOf": 0}, "above 0"),
        ({"anyOf": []}, "no list, or empty"),
        ({"anyOf": [{"enum": "a"}]}, r"schema\.anyOf\.0\.enum: it is no list"),
        ({"pattern": "("}, "no regular expression"),
        ({"pattern": 1}, "no regular expression"),
        ({"required": "a"}, "no list of names"),
        ({"properties": [1]}, "it is no object"),
        ({"prefixItems": {}}, "no list"),
        ({"$ref": "other.json"}, "leads out of the document"),
        ({"$ref": "#/$defs/a"}, "leads nowhere"),
        ({"$ref": "#/x", "x": {"minItems": "1"}}, r"#/x\.minItems: it is no count"),
    ],
)
def test_a_schema_that_cannot_be_understood(document: Any, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        Schema.checked(document)


def test_one_that_refers_to_itself_without_end() -> None:
    endless = Schema.checked({"$ref": "#"})
    for use in (lambda: endless.fits(1), lambda: instances(endless)):
        with pytest.raises(DocumentError, match=r"without end|no end"):
            use()
    growing = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    with pytest.raises(DocumentError, match="no end"):
        instances(Schema.checked(growing))


def test_one_that_is_nested_too_deeply() -> None:
    document: Any = {}
    for _ in range(5000):
        document = {"items": document}
    with pytest.raises(DocumentError, match="nested too deeply"):
        Schema.checked(document)


@settings(max_examples=200, suppress_health_check=[HealthCheck.nested_given])
@given(anything | st.dictionaries(st.sampled_from(["type", "items", "$ref", "enum", "allOf"]), anything))
def test_any_value_is_a_schema_or_a_document_error(document: Any) -> None:
    try:
        schema = Schema.checked(document)
    except DocumentError:
        return
    assert schema.fits(1) in (True, False)
    drawn(instances(schema), 1, 1)
