"""What a target is: a tiny protocol, and a separate one for each thing that a system may be able to do.

A target is reached through an adapter. What it can do beyond being there it says by implementing
capabilities; an experiment that needs one that the target lacks is *not applicable*, never passed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from chaos.errors import CapabilityError
from chaos.targets.records import ErrorRecord, LinkState, ModelState, NodeLimits, Part, Told
from chaos.traffic.spec import HttpRequest

__all__ = [
    "ControlRequests",
    "Describe",
    "Directories",
    "Errors",
    "Infer",
    "Limits",
    "Links",
    "Parts",
    "Processes",
    "Register",
    "RegisterBatched",
    "Scale",
    "Target",
    "Timings",
    "need",
]


@runtime_checkable
class Target(Protocol):
    """A system under test. ``url`` is what the user named it by."""

    url: str

    async def open(self) -> None:
        """Connect (or start the system, where it is ours) and check that it answers.

        :raises TargetError: if it cannot be reached or started; the message says where and what to do
        """

    async def close(self) -> None:
        """Let go of it; stop it only if :meth:`open` started it. Idempotent, and safe after a failed open."""

    async def healthy(self) -> bool:
        """Whether it says of itself, now, that it can serve."""


@runtime_checkable
class Infer(Protocol):
    """Capability: answers inferences."""

    def infer_request(self, model: str, payload: object) -> HttpRequest:
        """The wire request that sends ``payload`` (a JSON value) to a model; no I/O.

        Traffic workers send it on; ``{nonce}`` inside the payload is replaced for each request.
        """


@runtime_checkable
class Register(Protocol):
    """Capability: takes models in and lets them go."""

    async def register(self, model: str, package: str, workers: int) -> None:
        """Serve ``package`` (named as the target's model store has it) as ``model``; return when it is ready.

        :raises TargetError: if the target refuses, with its own words
        """

    async def unregister(self, model: str) -> None:
        """Stop serving it and give its resources back. A model that is not there is no error."""


@runtime_checkable
class Directories(Protocol):
    """Capability: serves handler packages from directories of this machine."""

    def package_in(self, directory: Path) -> str:
        """What :meth:`Register.register` is to be told, to serve the package in a directory; no I/O."""


@runtime_checkable
class RegisterBatched(Protocol):
    """Capability: serves a model in batches that are made as requests come."""

    async def register_batched(self, model: str, package: str, workers: int, size: int, delay: float) -> None:
        """As :meth:`Register.register`; a worker that is free takes the first request and waits up to ``delay``
        seconds for more, up to ``size``, and gives them to its handler at once.

        :raises CapabilityError: if this system is not known to make batches
        :raises TargetError: if the target refuses, with its own words
        """


@runtime_checkable
class Scale(Protocol):
    """Capability: changes the number of workers of a model."""

    async def scale(self, model: str, workers: int) -> None:
        """Return when ``workers`` are ready and no others are left.

        :raises TargetError: if the target refuses
        """


@runtime_checkable
class ControlRequests(Protocol):
    """Capability: says how an operation of its control plane looks on the wire, for who sends it his own way."""

    def control_request(
        self, operation: str, model: str = "", workers: int = 0, package: str = ""
    ) -> HttpRequest:
        """The wire request of an operation; no I/O. The system answers it when it is done, where it can be asked to.

        Those that change something: ``register`` (a ``package`` with that many ``workers``), ``unregister``, ``scale``
        (to that many ``workers``), ``load``, ``unload``. Those that read: ``health``, ``api_description``,
        ``describe``, ``list``.

        :raises CapabilityError: if the system has no such operation
        """


@runtime_checkable
class Describe(Protocol):
    """Capability: says what it serves."""

    async def models(self) -> list[str]:
        """The names of all registered models, sorted."""

    async def describe(self, model: str) -> ModelState:
        """The state of one model.

        :raises TargetError: if the target does not know it
        """


@runtime_checkable
class Processes(Protocol):
    """Capability: the target runs on this machine, and its processes can be read (D12)."""

    def pids(self) -> list[int]:
        """The roots of its process trees; children are found by the caller."""


@runtime_checkable
class Parts(Protocol):
    """Capability: the target runs on this machine, and it is known which process does what."""

    async def parts(self) -> list[Part]:
        """Those that run now, as the processes show it: one that is only described is none of them (D12)."""


@runtime_checkable
class Errors(Protocol):
    """Capability: remembers what went wrong with its replicas."""

    async def errors(self, model: str) -> list[ErrorRecord]:
        """Those of a model, latest first; what is left of them if it is gone.

        :raises TargetError: if the target does not say
        """


@runtime_checkable
class Limits(Protocol):
    """Capability: says what its node can bear, so that it is known what it has to refuse."""

    async def limits(self) -> NodeLimits:
        """As they are configured, whatever is taken of them.

        :raises TargetError: if the target does not say
        """


@runtime_checkable
class Links(Protocol):
    """Capability: says which of the links between its own processes stand."""

    async def links(self) -> list[LinkState]:
        """All of them, as it knows them now."""


@runtime_checkable
class Timings(Protocol):
    """Capability: tells the wait of requests and their service apart."""

    async def timings(self, model: str) -> Told:
        """The counts for a model so far; zeros if nothing was served yet.

        :raises CapabilityError: if it turns out not to count them, as where its metrics are not reachable
        :raises TargetError: if it does not answer
        """


Capability = TypeVar("Capability")


def need(target: Target, capability: type[Capability]) -> Capability:
    """The target as something that has the capability.

    :raises CapabilityError: if it lacks it
    """
    if isinstance(target, capability):
        return target
    raise CapabilityError(
        f"target {target.url}: lacks the capability '{capability.__name__.lower()}' that this experiment needs; "
        f"the experiment is not applicable to it (choose another target with --var target=…)"
    )
