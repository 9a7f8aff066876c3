"""Programs survive the way through JSON, and one that makes no sense is refused with the place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from chaos.operations.program import Program

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
