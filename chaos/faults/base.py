"""The fault protocol: inject, hold, revert; what a fault is given, and what it has to say before it acts.

A fault is one class, registered by the entry-point group ``chaos.faults``. Before it touches anything it states with
``context.intend`` what it is about to touch and what undoes it; that is in the ledger, on disk, when ``intend``
returns. ``revert`` works from this record alone, so whoever is left when a run dies can call it: the session,
the warden, or ``chaos recover`` after a reboot. It is the one way back, taken in an orderly run too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from chaos.errors import ChaosError
from chaos.faults.helper import Helper
from chaos.targets.base import Target
from chaos.traffic.running import RunningTraffic
from chaos.traffic.spec import WorkerSpec

__all__ = [
    "Blast",
    "Fault",
    "FaultArguments",
    "FaultContext",
    "FaultError",
    "Needs",
    "RevertError",
    "Undo",
]

Undo = Mapping[str, Any]
"""All that ``revert`` needs to know, as JSON: names, addresses, pids with their start times."""


class FaultError(ChaosError):
    """A fault could not be injected, or was not in force while it was meant to be: nothing was tested."""


class RevertError(ChaosError):
    """A fault could not be reverted. The message says what is left, and what to do about it by hand."""


class FaultArguments(BaseModel):
    """Base of the models of faults' arguments: unknown ones are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Needs:
    """What has to be there for a fault; checked before it is asked to do anything.

    ``capabilities`` are protocols of :mod:`chaos.targets.base`, ``tools`` programs on the path, ``link`` a fault proxy
    in the run (``links`` in the arguments of the control).
    """

    capabilities: tuple[type[Any], ...] = ()
    tools: tuple[str, ...] = ()
    root: bool = False
    linux: bool = False
    link: bool = False


@dataclass(frozen=True, slots=True)
class Blast:
    """What a fault is about to touch, before it does: the blast radius.

    ``touches`` says it to people, one phrase each. ``hosts`` are the addresses that will feel it; each has to be this
    machine or allowed by the user. ``replicas`` of the ``of`` that a model has are taken out of service: never all of
    them, unless the user said so.
    """

    touches: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    replicas: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class FaultContext:
    """What a fault may use.

    ``lease`` names this injection, uniquely on this machine: what you make, name after it. ``seed`` is the fault's
    own, and ``seconds`` how long it is meant to hold. Processes started by ``helper`` and traffic workers started by
    ``traffic`` die with the harness and are ended before ``revert`` is called. ``note`` writes evidence to the history.
    """

    lease: str
    target: Target
    seed: int
    seconds: float
    intend: Callable[[Blast, Undo], Awaitable[None]]
    traffic: Callable[[WorkerSpec], Awaitable[RunningTraffic]]
    helper: Callable[[Sequence[str]], Awaitable[Helper]]
    note: Callable[..., None] = field(default=lambda *_words, **_values: None)
    link_api: str = ""
    """Address of the API of the fault proxy, where the run has one."""
    payloads: Mapping[str, Any] = field(default_factory=dict)
    """What a hostile request carries, by the name of a model that serves a package of the user's own."""


@runtime_checkable
class Fault(Protocol):
    """Something that is injected, held and reverted. Made with its checked ``Arguments``, one for each injection."""

    Arguments: ClassVar[type[FaultArguments]]
    needs: ClassVar[Needs]

    async def inject(self, context: FaultContext) -> None:
        """Choose what to touch (reading only), ``await context.intend(blast, undo)`` once, act; return when in force.

        :raises FaultError: if it cannot be
        """

    async def hold(self, seconds: float) -> None:
        """Keep it in force; return after ``seconds``.

        :raises FaultError: if it was not in force all that time
        """

    @staticmethod
    async def revert(undo: Undo) -> str:
        """Undo all of it, in whatever process and however far the injection got; say in a few words what was done.

        Idempotent; that what was touched is gone is no error.

        :raises RevertError: if something is left in force
        """
