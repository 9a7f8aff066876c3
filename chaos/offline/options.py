"""How a package is tested, and how its test tells of its progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chaos.handlers.limits import Limits

__all__ = ["Step", "TestOptions"]


@dataclass(frozen=True, slots=True)
class TestOptions:
    """How a package is tested.

    :param limits: what the handler may take
    :param fuzz: how many samples are generated
    :param seed: of the generated samples, and of the order in which samples come again
    :param repeats: how often each request that was answered is run again for its times
    :param leak_calls: over how many calls the memory is watched; 0 for no such check
    :param parallel: how many processes share what need not be timed
    :param schema: a JSON Schema of the values that the handler takes in JSON; for generated samples
    """

    __test__: ClassVar[bool] = False  # for pytest, where it is imported

    limits: Limits = field(default_factory=Limits)
    fuzz: int = 0
    seed: int = 0
    repeats: int = 5
    leak_calls: int = 200
    parallel: int = 2
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: so many of what is planned in a phase are done, the last of them in ``words``."""

    phase: str
    done: int
    planned: int
    words: str = ""
