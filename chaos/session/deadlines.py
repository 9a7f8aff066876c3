"""Opening under a deadline, and cleaning up under one, whatever is cancelled meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio

from chaos.errors import ChaosError, TargetError

__all__ = ["Problem", "deadline", "shielded"]

OPEN_SECONDS = 60.0
CLOSE_SECONDS = 45.0
"""A server may give a handler that hangs half a minute to drain before it lets go of the model."""

Problem = Callable[[str], None]
"""Told, in a sentence, what a user must know of a run."""


async def shielded(
    problem: Problem, what: str, function: Callable[..., Awaitable[object]], *arguments: Any
) -> bool:
    """Clean up, also when cancelled, within a deadline. What does not work is told, not raised; whether it did."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_SECONDS):
        try:
            await function(*arguments)
        except ChaosError as error:
            problem(f"{what}: {error}")
            return False
        return True
    problem(f"{what} did not end within {CLOSE_SECONDS:g} s")
    return False


@contextmanager
def deadline(what: str) -> Iterator[None]:
    """A deadline on opening something; its passing is the target's error.

    :raises TargetError: when it passes
    """
    try:
        with anyio.fail_after(OPEN_SECONDS):
            yield
    except TimeoutError:
        raise TargetError(
            f"{what}: no answer within {OPEN_SECONDS:g} s (is the target overloaded or hung?)"
        ) from None
