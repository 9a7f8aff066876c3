"""The fault protocol: inject, hold, revert; and what a fault is given to do so.

A fault is one file with one class, registered by the entry-point group ``chaos.faults``. What it
starts it ends in ``revert``, which is always called: after a hold that ended, failed or was cut short, and
after an ``inject`` that failed half-way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, ValidationError

from chaos.documents import nearest
from chaos.errors import ChaosError, DocumentError
from chaos.targets.base import Target
from chaos.traffic.running import RunningTraffic
from chaos.traffic.spec import WorkerSpec

__all__ = ["Fault", "FaultArguments", "FaultContext", "FaultError", "create_fault"]

GROUP = "chaos.faults"


class FaultError(ChaosError):
    """A fault could not be injected, or was not in force while it was meant to be: nothing was tested."""


class FaultArguments(BaseModel):
    """Base of the models of faults' arguments: unknown ones are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class FaultContext:
    """What a fault may use: the target, a seed of its own, and traffic workers that the session records."""

    target: Target
    seed: int
    traffic: Callable[[WorkerSpec], Awaitable[RunningTraffic]]


@runtime_checkable
class Fault(Protocol):
    """Something that is injected, held and reverted."""

    async def inject(self, context: FaultContext) -> None:
        """Return when the fault is in force.

        :raises FaultError: if it cannot be
        """

    async def hold(self, seconds: float) -> None:
        """Keep it in force; return after ``seconds``.

        :raises FaultError: if it was not in force all that time
        """

    async def revert(self) -> None:
        """Undo all of it. Idempotent, and safe after an inject that failed."""


def create_fault(name: str, arguments: dict[str, Any]) -> Fault:
    """The fault of that name, with its arguments checked.

    :raises DocumentError: if there is no such fault, or the arguments do not fit
    """
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise DocumentError(f"fault '{name}'", "there is no such fault", nearest(name, known))
    kind = known[name].load()
    try:
        fault = kind(**arguments)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DocumentError(f"fault '{name}': {field}", first["msg"], f"given: {first['input']!r}") from None
    except TypeError as error:
        raise DocumentError(f"fault '{name}'", str(error), "see docs/faults.md") from None
    if not isinstance(fault, Fault):
        raise DocumentError(f"fault '{name}'", f"{known[name].value} is not a fault", "see docs/faults.md")
    return fault
