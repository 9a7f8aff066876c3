"""Programs of operations: what is drawn, run, shrunk, and kept as a counterexample.

A program is a list of steps, one after another. Its models have names of its own, such as ``a``; each run gives them
names that nobody else has, so that a target needs no restart between two runs. A step is one of:

- an operation, ``{"do": "scale", "model": "a", "workers": 3}``
- lanes that start together, ``{"concurrent": [[…], […]]}``: the operations of a lane come one after another
- ``{"inject": "process", "id": "f1", "arguments": {…}}``: a fault, in force until ``{"revert": "f1"}`` or the end
- ``{"quiesce": true}``: wait until all has come to rest
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from chaos.documents import validated

__all__ = [
    "NAMES",
    "Concurrent",
    "Inject",
    "Operation",
    "Package",
    "Program",
    "Quiesce",
    "Revert",
    "Step",
    "has_faults",
    "lanes_of",
    "models_of",
    "parse_program",
    "parse_step",
]

NAMES = "abcdefghijklmnopqrstuvwxyz"
"""What models are called, in the order in which they turn up."""

Package = Literal["good", "broken", "scarce", "missing", "hungry"]
"""``hungry``: it takes as much memory as a request asks for; ``broken``: its handler cannot be loaded; ``scarce``: its
third worker cannot start; ``missing``: there is none."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Operation(_Part):
    """One operation on a model of the program; ``list`` has none. ``pause`` waits for ``milliseconds`` and asks
    nothing.

    A ``batch`` above 1 has a model registered with batches of up to so many inferences; its answer is never lost.

    ``lose``: the client lets go of the answer, when its first byte comes (``answered``) or as soon as it has asked
    (``early``), and asks again at once, as clients do.
    """

    do: Literal[
        "register", "unregister", "scale", "load", "unload", "infer", "describe", "list", "health", "pause"
    ]
    model: str = Field(default="", pattern=r"^[a-z]?$")
    workers: int = Field(default=1, ge=-1, le=100_000)
    package: Package = "good"
    batch: int = Field(default=1, ge=1, le=64)
    milliseconds: float = Field(default=0.0, ge=0.0, le=60_000.0)
    lose: Literal["", "answered", "early"] = ""

    @model_validator(mode="after")
    def _batched(self) -> Operation:
        if self.batch > 1 and (self.do != "register" or self.lose):
            raise ValueError("a 'batch' goes with 'register', and without 'lose'")
        return self


class Concurrent(_Part):
    """Lanes that start at one instant."""

    concurrent: tuple[Annotated[tuple[Operation, ...], Field(min_length=1)], ...] = Field(min_length=1)


class Inject(_Part):
    """A fault of the catalogue, with its arguments; a model in these is one of the program's."""

    inject: str
    id: str = "f1"
    arguments: dict[str, Any] = Field(default_factory=dict)


class Revert(_Part):
    """Revert the fault with that id."""

    revert: str


class Quiesce(_Part):
    """Wait until nothing moves."""

    quiesce: Literal[True] = True


def _kind(step: Any) -> str | None:
    """By which of its keys a step is known."""
    keys = step if isinstance(step, dict) else getattr(type(step), "model_fields", ())
    return next((key for key in ("do", "concurrent", "inject", "revert", "quiesce") if key in keys), None)


Step = Annotated[
    Annotated[Operation, Tag("do")]
    | Annotated[Concurrent, Tag("concurrent")]
    | Annotated[Inject, Tag("inject")]
    | Annotated[Revert, Tag("revert")]
    | Annotated[Quiesce, Tag("quiesce")],
    Discriminator(_kind),
]


class Program(_Part):
    """The steps, in order."""

    steps: tuple[Step, ...]

    @model_validator(mode="after")
    def _faults(self) -> Program:
        """What is reverted must be in force, and no two faults have one id."""
        held: set[str] = set()
        for number, step in enumerate(self.steps):
            match step:
                case Inject(id=name) if name in held:
                    raise ValueError(f"steps.{number}: a fault '{name}' is in force already")
                case Inject(id=name):
                    held.add(name)
                case Revert(revert=name) if name not in held:
                    raise ValueError(f"steps.{number}: no fault '{name}' is in force")
                case Revert(revert=name):
                    held.discard(name)
        return self

    def operations(self) -> Iterator[tuple[int, int, Operation]]:
        """Each operation with the numbers of its step and its lane."""
        for number, step in enumerate(self.steps):
            for lane, operations in enumerate(lanes_of(step)):
                yield from ((number, lane, operation) for operation in operations)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of its models, sorted; those that faults are about are among them."""
        return tuple(sorted({model for step in self.steps for model in models_of(step)}))

    @property
    def size(self) -> int:
        """How many operations and faults it has: what shrinking makes less."""
        return sum(1 for _ in self.operations()) + sum(isinstance(step, Inject) for step in self.steps)

    def document(self) -> list[dict[str, Any]]:
        """The steps as JSON, defaults left out."""
        return [
            {
                **step.model_dump(mode="json", exclude_defaults=True),
                **({"quiesce": True} if isinstance(step, Quiesce) else {}),
            }
            for step in self.steps
        ]


def lanes_of(step: Step) -> Sequence[Sequence[Operation]]:
    """The lanes of a step; a single operation is one lane of one."""
    match step:
        case Operation():
            return [[step]]
        case Concurrent(concurrent=lanes):
            return lanes
    return []


def has_faults(program: Program) -> bool:
    """Whether it injects any."""
    return any(isinstance(step, Inject) for step in program.steps)


def models_of(step: Step) -> Iterator[str]:
    """The models that a step names; that of a fault is one."""
    named = (
        [step.arguments.get("model", "")]
        if isinstance(step, Inject)
        else [operation.model for lane in lanes_of(step) for operation in lane]
    )
    yield from (str(model) for model in named if model)


class _One(_Part):
    step: Step


def parse_step(value: object, place: str) -> Step:
    """A step that somebody wrote.

    :raises DocumentError: with the field that does not fit
    """
    return validated({"step": value}, _One, place).step


def parse_program(steps: object, place: str) -> Program:
    """The steps that somebody wrote, in order.

    :raises DocumentError: with the field that does not fit
    """
    return validated({"steps": steps}, Program, place)
