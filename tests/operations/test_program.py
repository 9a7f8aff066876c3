"""Programs survive the way through JSON, and one that makes no sense is refused with the place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chaos.errors import DocumentError
from chaos.operations.program import (
    Concurrent,
    Inject,
    Operation,
    Program,
    models_of,
    parse_program,
    parse_step,
)

STEPS: list[dict[str, Any]] = [
    {"do": "register", "model": "a", "workers": 2},
    {
        "concurrent": [
            [{"do": "scale", "model": "a", "workers": 3, "lose": "early"}],
            [{"do": "list"}, {"do": "list"}],
        ]
    },
    {"inject": "process", "arguments": {"action": "stop", "model": "b"}},
    {"do": "infer", "model": "a", "milliseconds": 5.0},
    {"revert": "f1"},
    {"quiesce": True},
]


def test_it_is_what_it_was() -> None:
    program = Program.model_validate({"steps": STEPS})

    assert program.document() == STEPS
    assert Program.model_validate({"steps": json.loads(json.dumps(program.document()))}) == program
    assert program.models == ("a", "b")
    assert program.size == 6
    assert [(step, lane, each.do) for step, lane, each in program.operations()] == [
        (0, 0, "register"), (1, 0, "scale"), (1, 1, "list"), (1, 1, "list"), (3, 0, "infer"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"do": "explode"}], "Input should be 'register'"),
        ([{"do": "scale", "model": "A"}], "pattern"),
        ([{"do": "scale", "model": "a", "workres": 2}], "Extra inputs"),
        ([{"revert": "f1"}], "no fault 'f1' is in force"),
        ([{"inject": "process"}, {"inject": "process"}], "a fault 'f1' is in force already"),
        ([{"concurrent": []}], "at least 1"),
        ([{"concurrent": [[]]}], "at least 1"),
        ([{"wait": 1}], "Unable to extract tag"),
        ([{"do": "infer", "model": "a", "milliseconds": float("nan")}], "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(steps: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Program.model_validate({"steps": steps})


words = st.sampled_from(
    ["do", "scale", "model", "a", "workers", "concurrent", "inject", "revert", "quiesce", "id"]
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words, st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=4)),
    max_leaves=8,
)


@given(value=values)
def test_whatever_somebody_wrote_is_a_program_or_one_clear_error(value: Any) -> None:
    try:
        program, words = parse_program([value], "here"), ""
    except DocumentError as error:
        program, words = None, str(error)
    if program is not None:
        assert parse_program(program.document(), "here") == program
        assert parse_step(value, "here") == program.steps[0]
    else:
        assert words.startswith("here")
        assert "\n" not in words


def test_a_step_names_its_models() -> None:
    operation = Operation(do="scale", model="b")

    assert [*models_of(operation)] == ["b"]
    assert [*models_of(Operation(do="list"))] == []
    assert [*models_of(Concurrent(concurrent=((operation, Operation(do="infer", model="c")),)))] == ["b", "c"]
    assert [*models_of(Inject(inject="process", arguments={"model": "d"}))] == ["d"]
    assert [*models_of(Inject(inject="cpu"))] == []
