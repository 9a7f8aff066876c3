"""Public test doubles: a target in memory, and a wrapper that holds a target to the protocol's promises.

Who writes an adapter wraps it in :class:`ValidatingTarget` in its tests; who writes a fault or a property
tests it on a :class:`FakeTarget`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from chaos.errors import TargetError
from chaos.targets.base import (
    ControlRequests,
    Describe,
    Directories,
    Errors,
    Infer,
    Limits,
    Links,
    Parts,
    Processes,
    Register,
    RegisterBatched,
    Scale,
    Target,
    Timings,
)
from chaos.targets.fake import FakeTarget
from chaos.targets.promises import broken

__all__ = ["ContractError", "FakeTarget", "ValidatingTarget"]

CAPABILITIES: tuple[type[Any], ...] = (
    Infer,
    Register,
    Directories,
    RegisterBatched,
    Scale,
    ControlRequests,
    Describe,
    Processes,
    Parts,
    Links,
    Errors,
    Limits,
    Timings,
)


class ContractError(AssertionError):
    """An adapter broke the protocol. ``problems`` has them all, one sentence each."""

    def __init__(self, operation: str, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__(f"{operation}: {'; '.join(self.problems)}")


class ValidatingTarget:
    """A target that raises :class:`ContractError` where the wrapped one breaks the protocol.

    It has exactly the capabilities of the wrapped target.
    """

    def __init__(self, target: Target) -> None:
        if not isinstance(target, Target):
            raise ContractError("target", [f"{type(target).__name__} lacks a part of the protocol Target"])
        self.url = target.url
        self._target = target
        self._open = False
        for capability in CAPABILITIES:
            if isinstance(target, capability):
                # on the instance, where isinstance looks for what a runtime protocol asks for
                for name in _methods(capability):
                    setattr(self, name, self._checked(name))

    async def open(self) -> None:
        """Open the wrapped target, once."""
        if self._open:
            raise ContractError("open", ["it is open already"])
        await self._target.open()
        self._open = True

    async def close(self) -> None:
        """Close the wrapped target."""
        self._open = False
        await self._target.close()

    async def healthy(self) -> bool:
        """Ask the wrapped target."""
        self._must_be_open("healthy")
        answer = await self._target.healthy()
        _check("healthy", answer)
        return answer

    def _checked(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)

        def call(*arguments: Any) -> Any:
            self._must_be_open(name)
            answer = method(*arguments)
            _check(name, answer, *arguments)
            return answer

        async def call_async(*arguments: Any) -> Any:
            self._must_be_open(name)
            try:
                answer = await method(*arguments)
            except Exception as error:
                if not isinstance(error, TargetError):
                    raise ContractError(name, [f"it raised {error!r}, which is no TargetError"]) from error
                raise
            _check(name, answer, *arguments)
            return answer

        return call_async if inspect.iscoroutinefunction(method) else call

    def _must_be_open(self, name: str) -> None:
        if not self._open:
            raise ContractError(name, ["called before open, or after close"])


def _methods(capability: type[Any]) -> list[str]:
    return [name for name, value in vars(capability).items() if inspect.isfunction(value) and name[0] != "_"]


def _check(name: str, answer: Any, *arguments: Any) -> None:
    if problems := broken(name, answer, *arguments):
        raise ContractError(name, problems)
