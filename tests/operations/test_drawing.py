"""Programs are drawn as asked, the same for the same seed; what failed is found again, and never called flaky."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import rule

from chaos.operations.drawing import Drawn, draw
from chaos.operations.machine import Programs
from chaos.operations.program import Concurrent, Inject, Operation, Program


class All(Programs):
    """Everything that there is."""

    abilities = frozenset(
        {"register", "unregister", "scale", "infer", "describe", "list", "batch", "limits", "ours"}
    )
    faults = ("process", "cpu", "link", "oom")


def collected(found: list[Program]) -> Callable[[Program], str]:
    """Runs nothing, and finds nothing wrong."""

    def run(program: Program) -> str:
        found.append(program)
        return ""

    return run


def drawn(seed: int, examples: int = 60) -> list[Program]:
    found: list[Program] = []
    draw(All, collected(found), Drawn(examples, 20, seed))
    return found


def test_the_same_seed_draws_the_same() -> None:
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_they_vary() -> None:
    programs = drawn(3, 200)
    steps = Counter(type(step).__name__ for program in programs for step in program.steps)
    done = Counter(operation.do for program in programs for _, _, operation in program.operations())

    assert len(programs) >= 150
    assert set(steps) == {"Operation", "Concurrent", "Inject", "Revert", "Quiesce"}
    assert set(done) == {"register", "unregister", "scale", "infer", "describe", "list", "pause"}
    assert any(operation.batch > 1 for program in programs for _, _, operation in program.operations())
    assert max(len(program.steps) for program in programs) >= 15
    assert all(len(program.models) <= 5 for program in programs)


def test_what_a_target_cannot_do_is_not_asked_of_it() -> None:
    class Few(Programs):
        abilities = frozenset({"register", "unregister", "infer", "describe", "list"})

    found: list[Program] = []
    draw(Few, collected(found), Drawn(60, 20, 1))

    assert not any(operation.do == "scale" for program in found for _, _, operation in program.operations())
    assert not any(isinstance(step, Inject) for program in found for step in program.steps)
    assert all(operation.workers < 100 for program in found for _, _, operation in program.operations())


def test_what_only_the_embedded_platform_has_is_not_done_to_others() -> None:
    def injected(ours: bool) -> set[str]:
        class Faulty(All):
            abilities = All.abilities if ours else All.abilities - {"ours"}

        found: list[Program] = []
        draw(Faulty, collected(found), Drawn(150, 20, 1))
        return {step.inject for program in found for step in program.steps if isinstance(step, Inject)}

    assert injected(ours=True) == {"process", "cpu", "link", "oom"}
    assert injected(ours=False) == {"process", "cpu"}


def _fails(program: Program) -> str:
    return "duplicates" if any(isinstance(step, Concurrent) for step in program.steps) else ""


def test_a_program_that_fails_is_found_first_the_next_time(tmp_path: Path) -> None:
    database = DirectoryBasedExampleDatabase(tmp_path)
    failed = draw(All, _fails, Drawn(200, 20, 5), database)
    assert failed is not None

    asked: list[Program] = []

    def again(program: Program) -> str:
        asked.append(program)
        return _fails(program)

    assert draw(All, again, Drawn(200, 20, 6), database) == failed
    assert len(asked) == 1


def test_a_failure_that_does_not_come_again_is_returned_all_the_same() -> None:
    generator = random.Random(1)

    failed = draw(All, lambda _: "now and then" if generator.random() < 0.1 else "", Drawn(200, 20, 7))

    assert failed is not None


def test_rules_of_a_users_own_stand_beside_ours() -> None:
    class Mine(All):
        @rule(model=Programs.models)
        def there_and_back(self, model: str) -> None:
            """Up, and down again."""
            self.add(
                Operation(do="scale", model=model, workers=7), Operation(do="scale", model=model, workers=1)
            )

    found: list[Program] = []
    draw(Mine, collected(found), Drawn(100, 20, 8))

    assert any(operation.workers == 7 for program in found for _, _, operation in program.operations())
    assert any(operation.do == "list" for program in found for _, _, operation in program.operations())
