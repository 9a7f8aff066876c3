"""Whatever a file holds, reading it ends with a value or with one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from chaos.documents import load_document, misfits, nearest, read_value, validated
from chaos.errors import DocumentError
from chaos.session.settings import ControlArguments
from chaos.sla.documents import ProbeDocument

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MODELS: tuple[type[BaseModel], ...] = (ProbeDocument, ControlArguments)
VALID: dict[str, Any] = {
    "name": "victim",
    "model": "m",
    "payload": {},
    "schedule": {"rate": 10},
    "objectives": [{"sli": "latency", "quantile": 0.99, "at_most_ratio": 3}],
    "guards": [{"target": 0.9, "burn_rate": 5, "window": 5}],
}


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid probe file in which one thing was replaced, taken out or put in."""
    document = json.loads(json.dumps(VALID))
    node: Any = document
    for _step in range(draw(st.integers(0, 3))):
        inner = list(node.values()) if isinstance(node, dict) else node
        inner = [value for value in inner if isinstance(value, dict | list) and value]
        if not inner:
            break
        node = draw(st.sampled_from(inner))
    key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
    action = draw(st.sampled_from(["replace", "remove", "add"]))
    if action == "remove":
        del node[key]
    elif action == "add" and isinstance(node, dict):
        node[draw(st.text())] = draw(values)
    else:
        node[key] = draw(values)
    return document


@settings(deadline=None)
@given(values | mutated(), st.sampled_from(MODELS))
def test_any_value_is_a_model_or_a_document_error(value: Any, model: type[BaseModel]) -> None:
    try:
        model.model_validate(value)
    except ValidationError:
        with pytest.raises(DocumentError, match=r"^file\.json") as caught:
            validated(value, model, "file.json")
        assert "pydantic" not in str(caught.value)
    else:
        assert isinstance(validated(value, model, "file.json"), model)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary() | st.text().map(str.encode) | values.map(json.dumps).map(str.encode),
    st.sampled_from(["json", "yaml"]),
)
def test_any_bytes_are_a_model_or_a_document_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"probe.{suffix}"
    path.write_bytes(content)

    with pytest.raises(DocumentError) as caught:
        load_document(path, ProbeDocument)
    assert str(path) in caught.value.place


def refusal(tmp_path: Path, text: str, suffix: str = "json") -> str:
    """The message about a file of this text, without its path."""
    path = tmp_path / f"document.{suffix}"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        read_value(path)
    return str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n  "name": victim\n}', ":2:11: not JSON: Expecting value (mend it there)"),
        ("", ":1:1: not JSON: Expecting value (mend it there)"),
        ('{"a": 1,\n "a": 2}', ": key 'a' is there twice in one object (keep one of them)"),
        ('{"a": NaN}', ": NaN is no finite number (write one)"),
        ('{"a": 1e999}', ": 1e999 is no finite number (write one)"),
        ("[" * 100_000, ": nested too deeply (make it flatter)"),
        ("9" * 5000, ": not JSON: "),
    ],
)
def test_broken_json_is_refused_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, text).startswith(message)


@pytest.mark.parametrize(
    "text", ["a: [1, 2", "a: b: c", "a: \x01", "!!python/object:os.system {}", "? {a: 1}\n: 2"]
)
def test_broken_yaml_is_refused(text: str, tmp_path: Path) -> None:
    assert "not YAML" in refusal(tmp_path, text, "yaml")


def test_what_json_cannot_hold_is_quoted_as_well(tmp_path: Path) -> None:
    path = tmp_path / "probe.yaml"
    path.write_text("{name: 2026-11-21, model: m, payload: 1, schedule: {rate: 1}, objectives: [2026-11-21]}")

    with pytest.raises(DocumentError, match=r"datetime.date\(2026, 11, 21\)"):
        load_document(path, ProbeDocument)


def test_yaml_is_read_as_json_is(tmp_path: Path) -> None:
    path = tmp_path / "probe.yaml"
    path.write_text("\ufeffname: victim\nobjectives: [1]\n", encoding="utf-8")

    assert read_value(path) == {"name": "victim", "objectives": [1]}


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: None, lambda path: path.write_bytes(b"\xff\xfe")]
)
def test_what_is_no_text_file_is_refused(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    make(path)

    with pytest.raises(DocumentError, match=r"cannot be read|not UTF-8"):
        read_value(path)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        read_value(Path("a\0b.json"))


class Inner(BaseModel, extra="forbid"):
    """A part of a document."""

    colour: str
    size: int = 0


class Outer(BaseModel, extra="forbid"):
    """A document with parts."""

    parts: tuple[Inner, ...] | None = None


def problems(value: object) -> list[tuple[str, str, str]]:
    """All misfits of a value with the model above."""
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)
    return [(m.field, m.problem, m.remedy) for m in misfits(caught.value, Outer)]


def test_every_misfit_is_said_with_the_field_and_the_remedy() -> None:
    assert problems({"parts": [{"color": "red"}], "part": 1}) == [
        ("parts.0", "field 'colour' is missing", "add it"),
        ("parts.0.color", "unknown field 'color'", "did you mean 'colour'?"),
        ("part", "unknown field 'part'", "did you mean 'parts'?"),
    ]
    assert problems({"parts": [7]}) == [("parts.0", "has to be an object, not 7", "")]
    assert problems({"parts": [{"colour": "red", "size": "big"}]})[0][2] == 'given: "big"'


def test_one_error_says_how_many_more_there_are() -> None:
    with pytest.raises(DocumentError, match="'colour' is missing; 2 more fields do not fit either"):
        validated({"parts": [{"color": "red"}], "part": 1}, Outer, "file")


def test_a_remedy_names_the_nearest_or_all() -> None:
    assert nearest("alwayz", ["always", "never"]) == "did you mean 'always'?"
    assert nearest("qqq", ["always", "never"]) == "known are: always, never"
    assert nearest("qqq", []) == ""
