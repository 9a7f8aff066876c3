"""Draws values from a Hypothesis strategy, outside of a test."""

from __future__ import annotations

from contextlib import suppress
from typing import TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

__all__ = ["drawn"]

Value = TypeVar("Value")


def drawn(strategy: st.SearchStrategy[Value], count: int, number: int) -> list[Value]:
    """So many values, the simplest first; fewer if there are no more, or they are too hard to find.

    The same each time for the same ``number``, which is the seed. Hypothesis tries the constants that it finds in the
    modules of the program that are loaded (those that are no installed packages) now and then, so another program may
    get others.
    """
    found: list[Value] = []
    if strategy.is_empty:
        return found

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        derandomize=False,
        phases=(Phase.generate,),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        verbosity=Verbosity.quiet,
    )
    @given(strategy)
    def take(value: Value) -> None:
        found.append(value)

    with suppress(Unsatisfiable):
        take()
    return found[:count]
