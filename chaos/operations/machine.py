"""Draws programs: a Hypothesis state machine whose rules add steps, and which runs nothing until the program is whole.

So what is drawn depends on nothing but Hypothesis's choices, and a target that behaves differently from time to time
cannot confuse it. Hypothesis leaves some rules out of each program (swarm testing, A. Groce et al. 2012), so that
programs differ more than if all had a bit of everything. Your own rules go into a subclass, beside these.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    precondition,
    rule,
)

from chaos.operations.offered import FAULTS, OOM
from chaos.operations.program import NAMES, Concurrent, Inject, Operation, Program, Quiesce, Revert, Step

__all__ = ["Programs"]

BEYOND = 1000
"""More workers than any node bears: only asked of a target that says what it bears, for another may try."""
LONG_MS, SHORT_MS = 300.0, 5.0
BATCH = 4
ADMIT_MS = 60.0
"""How long requests are given to be under way before workers leave."""

MODELS = 5
"""More of them make a program longer, and not more varied."""

counts = st.integers(min_value=0, max_value=4)


def changes(models: Any) -> st.SearchStrategy[Operation]:
    """Operations that change a model."""
    return st.one_of(
        st.builds(Operation, do=st.just("scale"), model=models, workers=counts),
        st.builds(Operation, do=st.just("unregister"), model=models),
        st.builds(Operation, do=st.just("register"), model=models, workers=st.integers(1, 2)),
    )


def readings(models: Any) -> st.SearchStrategy[Operation]:
    """Operations that tell something."""
    return st.one_of(
        st.builds(Operation, do=st.just("describe"), model=models),
        st.just(Operation(do="list")),
        st.builds(Operation, do=st.just("infer"), model=models, milliseconds=st.just(SHORT_MS)),
        st.builds(Operation, do=st.just("pause"), milliseconds=st.sampled_from([2.0, 10.0, 40.0])),
    )


class Programs(RuleBasedStateMachine):
    """The rules. ``run`` takes the whole program, and raises if something is wrong with it; it is set by who draws.

    ``abilities`` are the names of the operations that the target has; with ``batch`` it serves models in batches, with
    ``limits`` it says what it can bear, with ``ours`` it is the embedded platform. ``faults`` are the names of those
    that may be injected.
    """

    run: ClassVar[Callable[[Program], None]]
    abilities: ClassVar[frozenset[str]] = frozenset()
    faults: ClassVar[tuple[str, ...]] = ()

    models = Bundle("models")

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self._named = self._held = 0

    def add(self, *steps: Step) -> None:
        """Add steps to the program."""
        self.steps += steps

    def teardown(self) -> None:
        """Run it, unless drawing it was broken off."""
        if self.steps and sys.exc_info()[0] is None:
            type(self).run(Program(steps=tuple(self.steps)))

    @property
    def full(self) -> bool:
        """Whether there are as many models as a program may have."""
        return self._named >= MODELS

    def _name(self) -> str:
        """A name that the program has not used."""
        self._named += 1
        return NAMES[self._named - 1]

    # registering and unregistering

    @initialize(target=models, workers=st.integers(1, 2), package=st.sampled_from(["good", "good", "scarce"]))
    def begin(self, workers: int, package: Any) -> str:
        """There is a model from the first step on: most of what can be done needs one."""
        name = self._name()
        self.add(Operation(do="register", model=name, workers=workers, package=package))
        return name

    @precondition(lambda self: not self.full)
    @rule(target=models, workers=st.integers(1, 3), lose=st.sampled_from(["", "", "answered", "early"]))
    def register(self, workers: int, lose: Any) -> str:
        """A model that can be served; now and then its answer is lost, and it is asked again."""
        name = self._name()
        self.add(Operation(do="register", model=name, workers=workers, lose=lose))
        return name

    @precondition(lambda self: not self.full)
    @rule(target=models)
    def register_scarce(self) -> str:
        """A model whose third worker will not start."""
        name = self._name()
        self.add(Operation(do="register", model=name, package="scarce"))
        return name

    @precondition(lambda self: "batch" in self.abilities and not self.full)
    @rule(target=models, inferences=st.integers(2, BATCH))
    def register_batched(self, inferences: int) -> str:
        """A model that is served in batches, and inferences that share one."""
        name = self._name()
        self.add(
            Operation(do="register", model=name, batch=BATCH),
            Concurrent(
                concurrent=((Operation(do="infer", model=name, milliseconds=SHORT_MS),),) * inferences
            ),
        )
        return name

    @precondition(lambda self: not self.full)
    @rule(
        target=models,
        how=st.sampled_from([("broken", 1), ("missing", 1), ("scarce", 3), ("good", BEYOND)]),
        again=st.booleans(),
    )
    def register_what_fails(self, how: tuple[Any, int], again: bool) -> Any:
        """A model that cannot be served; its name is free afterwards, for one that can."""
        package, workers = how
        if workers == BEYOND and "limits" not in self.abilities:
            package, workers = "missing", 1
        name = self._name()
        self.add(Operation(do="register", model=name, package=package, workers=workers))
        if again:
            self.add(Operation(do="register", model=name))
            return name
        return multiple()

    @rule(model=models, workers=st.integers(1, 3))
    def register_again(self, model: str, workers: int) -> None:
        """A model that is there."""
        self.add(Operation(do="register", model=model, workers=workers))

    @rule(model=consumes(models), lose=st.sampled_from(["", "", "answered", "early"]))
    def unregister(self, model: str, lose: Any) -> None:
        """A model is to go."""
        self.add(Operation(do="unregister", model=model, lose=lose))

    # scaling

    @precondition(lambda self: "scale" in self.abilities)
    @rule(model=models, workers=counts, lose=st.sampled_from(["", "", "", "answered", "early"]))
    def scale(self, model: str, workers: int, lose: Any) -> None:
        """Up, down, to zero, or to the same."""
        self.add(Operation(do="scale", model=model, workers=workers, lose=lose))

    @precondition(lambda self: "scale" in self.abilities)
    @rule(model=models, workers=st.sampled_from([-1, BEYOND]))
    def scale_beyond(self, model: str, workers: int) -> None:
        """Fewer than there can be, or more."""
        if workers < BEYOND or "limits" in self.abilities:
            self.add(Operation(do="scale", model=model, workers=workers))

    # using and reading

    @rule(model=models, milliseconds=st.sampled_from([SHORT_MS, LONG_MS]))
    def infer(self, model: str, milliseconds: float) -> None:
        """One inference."""
        self.add(Operation(do="infer", model=model, milliseconds=milliseconds))

    @rule(what=readings(models))
    def read(self, what: Operation) -> None:
        """Describe, list, a short inference."""
        if what.do != "pause":
            self.add(what)

    @rule()
    def quiesce(self) -> None:
        """Wait; once is enough."""
        if not isinstance(self.steps[-1], Quiesce):
            self.add(Quiesce())

    # at the same time

    @rule(what=changes(models), times=st.integers(2, 6))
    def duplicates(self, what: Operation, times: int) -> None:
        """The same several times at once."""
        if what.do in self.abilities:
            self.add(Concurrent(concurrent=((what,),) * times))

    @rule(
        lanes=st.lists(
            st.lists(st.one_of(changes(models), readings(models)), min_size=1, max_size=3),
            min_size=2,
            max_size=4,
        )
    )
    def at_once(self, lanes: list[list[Operation]]) -> None:
        """Anything beside anything."""
        kept = [tuple(each for each in lane if each.do in {*self.abilities, "pause"}) for lane in lanes]
        if kept := [lane for lane in kept if lane]:
            self.add(Concurrent(concurrent=tuple(kept)))

    @rule(model=models, inferences=st.integers(1, 4), workers=st.integers(-1, 3))
    def leave_at_work(self, model: str, inferences: int, workers: int) -> None:
        """Workers leave, or come, while inferences are under way; with -1 the model goes."""
        long = Operation(do="infer", model=model, milliseconds=LONG_MS)
        leave = (
            Operation(do="unregister", model=model)
            if workers < 0 or "scale" not in self.abilities
            else Operation(do="scale", model=model, workers=workers)
        )
        pause = Operation(do="pause", milliseconds=ADMIT_MS)
        self.add(Concurrent(concurrent=((pause, leave), *((long,),) * inferences)))

    # faults

    @precondition(lambda self: self.faults and not self._held)
    @rule(model=models, what=st.data())
    def inject(self, model: str, what: st.DataObject) -> None:
        """A fault, until it is reverted."""
        offered = [
            fault
            for fault in FAULTS
            if fault.name in self.faults and (not fault.ours or "ours" in self.abilities)
        ]
        if offered:
            self._held += 1
            fault = what.draw(st.sampled_from(offered))
            arguments = {**fault.arguments, **({"model": model} if fault.of_model else {})}
            self.add(Inject(inject=fault.name, id=f"f{self._held}", arguments=arguments))

    @precondition(lambda self: {OOM} <= {*self.faults} and "ours" in self.abilities)
    @precondition(lambda self: not self._held and not self.full)
    @rule(target=models, workers=st.integers(1, 2))
    def run_out_of_memory(self, workers: int) -> str:
        """A model of which a worker is killed for the memory that it takes."""
        name = self._name()
        self._held += 1
        self.add(
            Operation(do="register", model=name, package="hungry", workers=workers),
            Inject(inject=OOM, id=f"f{self._held}", arguments={"model": name}),
        )
        return name

    @precondition(lambda self: self._held)
    @rule()
    def revert(self) -> None:
        """It is reverted, and all comes to rest."""
        self.add(Revert(revert=f"f{self._held}"))
        self._held = 0
