"""Programs are made as small as they get, also where a failure comes and goes, and never fail in another way for it."""

from __future__ import annotations

import random

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.operations.program import Concurrent, Inject, Operation, Program, Quiesce, Revert, Step
from chaos.operations.shrinking import Shrunk, cuts, renamed, shrink

REGISTER = Operation(do="register", model="a", workers=2)
SCALE = Operation(do="scale", model="a", workers=3)
LIST = Operation(do="list")
INFER = Operation(do="infer", model="a", milliseconds=5.0)


def shrunk(program: Program, wanted: list[Operation], share: float = 1.0, seed: int = 1) -> Shrunk:
    """A failure that needs certain operations, in order, two of them at once if they are equal."""
    generator = random.Random(seed)

    async def fails(candidate: Program) -> bool:
        left = list(wanted)
        for _, _, operation in candidate.operations():
            if left and (operation.do, operation.model) == (left[0].do, left[0].model):
                left.pop(0)
        return not left and generator.random() < share

    return anyio.run(shrink, program, fails, share)


LONG = Program(
    steps=(
        LIST, REGISTER, INFER, Inject(inject="process", arguments={"model": "a"}), LIST, Revert(revert="f1"),
        Concurrent(concurrent=((INFER, SCALE), (LIST,), (SCALE, INFER))), Quiesce(), INFER, LIST,
    )
)  # fmt: skip


def test_only_what_is_needed_is_left() -> None:
    found = shrunk(LONG, [REGISTER, SCALE])

    assert found.whole
    assert [operation.do for _, _, operation in found.program.operations()] == ["register", "scale"]
    assert found.program.size == 2
    assert found.program.steps[0] == Operation(do="register", model="a", workers=1), "and simpler"


@pytest.mark.parametrize("seed", range(5))
def test_a_failure_that_comes_and_goes(seed: int) -> None:
    found = shrunk(LONG, [REGISTER, SCALE], share=0.4, seed=seed)

    assert [operation.do for _, _, operation in found.program.operations()] == ["register", "scale"]


def test_lanes_that_are_needed_stay_lanes() -> None:
    async def fails(candidate: Program) -> bool:
        return any(
            isinstance(step, Concurrent) and sum(SCALE in lane for lane in step.concurrent) >= 2
            for step in candidate.steps
        )

    program = Program(
        steps=(LIST, Concurrent(concurrent=((SCALE,), (LIST, SCALE), (INFER,), (SCALE,))), INFER)
    )
    found = anyio.run(shrink, program, fails, 1.0)

    assert found.program == Program(steps=(Concurrent(concurrent=((SCALE,), (SCALE,))),))


def test_it_stops_when_it_may_not_run_more() -> None:
    async def fails(_candidate: Program) -> bool:
        return False

    found = anyio.run(shrink, LONG, fails, 1.0, 5)

    assert (found.program, found.whole) == (LONG, False)


operations = st.builds(
    Operation,
    do=st.sampled_from(["register", "scale", "infer", "list", "pause"]),
    model=st.sampled_from(["a", "b"]),
    workers=st.integers(0, 3),
    lose=st.sampled_from(["", "early"]),
)
steps = st.one_of(
    operations,
    st.builds(
        Concurrent, concurrent=st.lists(st.lists(operations, min_size=1, max_size=2), min_size=1, max_size=3)
    ),
    st.just(Quiesce()),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, min_size=1, max_size=5))
def test_cuts_are_programs_and_none_is_larger(drawn: list[Operation]) -> None:
    program = Program(steps=tuple(drawn))
    for cut in cuts(program):
        for steps in cut(program):
            if steps:
                candidate = Program(steps=tuple(steps))
                assert candidate.size <= program.size
                assert Program.model_validate({"steps": candidate.document()}) == candidate


kills = st.builds(Inject, inject=st.just("process"), arguments=st.just({"action": "kill", "model": "a"}))
held = st.builds(
    lambda kill, inside: [kill, *inside, Revert(revert="f1")], kills, st.lists(steps, max_size=2)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(held, steps.map(lambda step: [step])), min_size=1, max_size=5), st.integers(0, 2))
def test_what_is_left_of_a_program_with_faults_of_one_name_is_a_program(
    parts: list[list[Step]], faults: int
) -> None:
    async def fails(candidate: Program) -> bool:
        return sum(isinstance(step, Inject) for step in candidate.steps) >= faults

    program = Program(steps=tuple(step for part in parts for step in part))
    left = anyio.run(shrink, program, fails, 1.0).program

    assert Program.model_validate({"steps": left.document()}) == left
    assert left.size <= program.size


def test_models_are_named_as_they_turn_up() -> None:
    fault = Inject(inject="process", arguments={"action": "kill", "model": "b"})
    both = Concurrent(concurrent=((Operation(do="scale", model="d"),), (LIST,)))
    program = renamed(Program(steps=(Operation(do="register", model="d"), fault, both, Quiesce())))

    assert program.models == ("a", "b")
    assert [operation.model for _, _, operation in program.operations()] == ["a", "a", ""]
    assert isinstance(inject := program.steps[1], Inject)
    assert inject.arguments["model"] == "b"


def test_a_long_program_takes_few_runs() -> None:
    noise = [LIST, INFER, Quiesce(), Concurrent(concurrent=((LIST,), (INFER,)))] * 5
    found = shrunk(Program(steps=(*noise, REGISTER, *noise, SCALE, *noise)), [REGISTER, SCALE])

    assert found.program.size == 2
    assert found.runs < 60
