"""Counterexamples are experiments: lint finds nothing, and the program that is read back is the one written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos.errors import DocumentError
from chaos.lint import lint_file
from chaos.operations.checks.judging import CHECKS
from chaos.operations.program import Concurrent, Inject, Operation, Program, Quiesce, Revert
from chaos.session.house import Place
from chaos.verify.counterexample import counterexample, write_counterexample
from chaos.verify.replaying import read_program

operations = st.builds(
    Operation,
    do=st.sampled_from(["register", "scale", "infer", "list", "describe", "unregister", "pause"]),
    model=st.sampled_from(["a", "b", ""]),
    workers=st.integers(0, 4),
    milliseconds=st.sampled_from([0.0, 5.0]),
    lose=st.sampled_from(["", "early", "answered"]),
)
lanes = st.lists(st.lists(operations, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3).map(tuple)
fault = (Inject(inject="process", arguments={"action": "kill", "model": "a"}), Revert(revert="f1"))
programs = st.lists(
    st.one_of(
        operations.map(lambda each: (each,)),
        lanes.map(lambda each: (Concurrent(concurrent=each),)),
        st.just(fault),
        st.just((Quiesce(),)),
    ),
    min_size=1,
    max_size=5,
).map(lambda parts: Program(steps=tuple(step for part in parts for step in part)))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(program=programs, check=st.sampled_from([check.name for check in CHECKS]))
def test_it_is_an_experiment_with_that_program(program: Program, check: str, tmp_path: Path) -> None:
    place = Place("embedded", ("scale_adds",), tmp_path)
    path = write_counterexample(tmp_path, program, check, "something \N{SNOWMAN} was wrong", place, "r1")

    assert [str(finding) for finding in lint_file(str(path)) if finding.severity == "error"] == []
    assert read_program(path) == program


def test_the_bare_steps_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "steps.json"
    path.write_text(json.dumps([{"do": "register", "model": "a"}, {"quiesce": True}]))

    assert read_program(path).steps == (Operation(do="register", model="a"), Quiesce())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("{}", "there is no program in it"),
        ("[]", "there is no program in it"),
        ('"x"', "there is no program in it"),
        ('{"method": [{"provider": {"module": "chaos.actions", "func": "inject"}}]}', "there is no program"),
        ('[{"do": "explode"}]', "explode"),
        ('[{"revert": "f1"}]', "no fault 'f1' is in force"),
        ("[7]", "steps.0"),
    ],
)
def test_what_is_no_program_is_refused_with_the_place(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    path.write_text(text)

    with pytest.raises(DocumentError) as error:
        read_program(path)
    assert str(path) in str(error.value)
    assert words in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        read_program(tmp_path / "none.json")


def test_a_secret_of_the_target_is_not_written_down(tmp_path: Path) -> None:
    place = Place("torchserve+http://127.0.0.1:1?token=hush", (), tmp_path)
    program = Program(steps=(Operation(do="list"),))
    document: dict[str, Any] = counterexample(program, "model", "words", place, "r1")

    assert "hush" not in json.dumps(document)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=80))
def test_whatever_is_in_the_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any.json"
    path.write_bytes(content)

    with pytest.raises(DocumentError) as error:
        read_program(path)
    assert str(path) in str(error.value)
