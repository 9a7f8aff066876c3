"""Public test doubles: a target in memory, and a wrapper that holds a target to the protocol's promises.

Who writes an adapter wraps it in :class:`ValidatingTarget` in its tests; who writes a fault or a property
tests it on a :class:`FakeTarget`. Without a script, a FakeTarget is the target that does nothing wrong.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from chaos.errors import TargetError
from chaos.targets.base import (
    ControlRequests,
    Describe,
    ErrorRecord,
    Errors,
    Infer,
    Limits,
    Links,
    LinkState,
    ModelState,
    NodeLimits,
    Part,
    Parts,
    Processes,
    Register,
    RegisterBatched,
    Scale,
    Target,
    Timings,
    Told,
)
from chaos.traffic.spec import HttpRequest

__all__ = ["ContractError", "FakeTarget", "ValidatingTarget"]

CAPABILITIES: tuple[type[Any], ...] = (
    Infer,
    Register,
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


@dataclass
class FakeTarget:
    """A target in memory with every capability, and ``packages`` in its model store.

    ``calls`` has each call as a tuple of name and arguments; ``failures`` maps a call's name to the error it
    raises from then on, before it has any effect.
    """

    url: str = "fake"
    address: str = "http://127.0.0.1:1"
    packages: frozenset[str] = frozenset({"sleep", "burn", "crash", "huge", "echo"})
    processes: list[int] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    served: dict[str, int] = field(default_factory=dict)
    members: list[Part] = field(default_factory=list)
    history: list[ErrorRecord] = field(default_factory=list)

    async def open(self) -> None:
        """Nothing to connect to."""
        self._called("open")

    async def close(self) -> None:
        """Nothing to let go of."""
        self._called("close")

    async def healthy(self) -> bool:
        """Always, unless scripted to fail."""
        self._called("healthy")
        return True

    def infer_request(self, model: str, payload: object) -> HttpRequest:
        """A request to an address that nobody needs to listen on."""
        self._called("infer_request", model, payload)
        return HttpRequest(f"{self.address}/predictions/{model}", body=json.dumps(payload).encode())

    async def register(self, model: str, package: str, workers: int) -> None:
        """Take it in; a name that is taken, or a package that is not in the store, is refused."""
        self._called("register", model, package, workers)
        self._take_in(model, package, workers)

    async def register_batched(self, model: str, package: str, workers: int, size: int, delay: float) -> None:
        """Take it in, as :meth:`register` does."""
        self._called("register_batched", model, package, workers, size, delay)
        self._take_in(model, package, workers)

    async def unregister(self, model: str) -> None:
        """Let it go, if it is there."""
        self._called("unregister", model)
        self.served.pop(model, None)

    async def scale(self, model: str, workers: int) -> None:
        """Set its number of workers."""
        self._called("scale", model, workers)
        self._known(model)
        self.served[model] = workers

    def control_request(
        self, operation: str, model: str = "", workers: int = 0, package: str = ""
    ) -> HttpRequest:
        """A request to an address that nobody needs to listen on."""
        self._called("control_request", operation, model, workers, package)
        return HttpRequest(f"{self.address}/models/{model}?{operation}={workers}", method="PUT")

    async def models(self) -> list[str]:
        """What was taken in."""
        self._called("models")
        return sorted(self.served)

    async def describe(self, model: str) -> ModelState:
        """As many workers ready as were asked for."""
        self._called("describe", model)
        workers = self._known(model)
        return ModelState(model, True, workers, workers)

    def pids(self) -> list[int]:
        """What the script says."""
        self._called("pids")
        return list(self.processes)

    async def parts(self) -> list[Part]:
        """What the script says, in ``members``."""
        self._called("parts")
        return list(self.members)

    async def errors(self, model: str) -> list[ErrorRecord]:
        """What the script says, in ``history``."""
        self._called("errors", model)
        return [record for record in self.history if record.model == model]

    async def links(self) -> list[LinkState]:
        """The manager's, and one for each worker; they stand, since ever."""
        self._called("links")
        workers = [(name, number) for name in sorted(self.served) for number in range(self.served[name])]
        replicas = [LinkState(f"replica-{name}-{number}", name, True, 0.0) for name, number in workers]
        return [LinkState("manager", "", True, 0.0), *replicas]

    async def limits(self) -> NodeLimits:
        """Eight workers, of which its memory bears four; batches of sixteen."""
        self._called("limits")
        return NodeLimits(workers=8, memory=4 << 30, worker_memory=1 << 30, batch=16)

    async def timings(self, model: str) -> Told:
        """Nothing was served yet, whatever was sent: there is nobody to send it to."""
        self._called("timings", model)
        self._known(model)
        return Told(served=0, waiting=0.0, service=0.0)

    def _take_in(self, model: str, package: str, workers: int) -> None:
        if package not in self.packages:
            raise TargetError(f"target {self.url}: there is no package '{package}' (put it into the store)")
        if model in self.served:
            raise TargetError(f"target {self.url}: model '{model}' is there already (choose another name)")
        self.served[model] = workers

    def _known(self, model: str) -> int:
        if model not in self.served:
            raise TargetError(f"target {self.url}: there is no model '{model}' (register it first)")
        return self.served[model]

    def _called(self, *call: Any) -> None:
        self.calls.append(call)
        if call[0] in self.failures:
            raise self.failures[call[0]]


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
    check: Callable[..., Iterable[str]] = _CHECKS.get(name, _nothing)
    problems = list(check(answer, *arguments))
    if problems:
        raise ContractError(name, problems)


def _nothing(answer: Any, *_: Any) -> Iterable[str]:
    if answer is not None:
        yield f"it returned {answer!r}, not None"


def _truth(answer: Any) -> Iterable[str]:
    if not isinstance(answer, bool):
        yield f"it returned {answer!r}, not a bool"


def _names(answer: Any) -> Iterable[str]:
    if not isinstance(answer, list) or not all(isinstance(name, str) and name for name in answer):
        yield f"it returned {answer!r}, not a list of names"
        return
    if answer != sorted(answer):
        yield f"the names are not sorted: {answer!r}"
    if len(set(answer)) < len(answer):
        yield f"a name is there twice: {answer!r}"


def _pids(answer: Any) -> Iterable[str]:
    if not isinstance(answer, list) or not all(isinstance(pid, int) and pid > 0 for pid in answer):
        yield f"it returned {answer!r}, not a list of pids"


def _parts(answer: Any) -> Iterable[str]:
    if not isinstance(answer, list) or not all(isinstance(part, Part) for part in answer):
        yield f"it returned {answer!r}, not a list of Part"
        return
    pids = [part.pid for part in answer]
    if len(set(pids)) < len(pids):
        yield f"a process is there twice: {pids!r}"
    for part in answer:
        if part.pid <= 0 or part.started <= 0:
            yield f"no process has pid {part.pid} and start time {part.started}"
        if part.model and part.role != "replica":
            yield f"the {part.role}, pid {part.pid}, is said to serve '{part.model}'"


def _errors(answer: Any, model: str) -> Iterable[str]:
    if not isinstance(answer, list) or not all(isinstance(record, ErrorRecord) for record in answer):
        yield f"it returned {answer!r}, not a list of ErrorRecord"
        return
    if any(record.model != model for record in answer):
        yield f"an error is another model's: {answer!r}"
    times = [record.monotonic for record in answer]
    if times != sorted(times, reverse=True):
        yield f"the latest is not first: {times!r}"


def _links(answer: Any) -> Iterable[str]:
    if not isinstance(answer, list) or not all(isinstance(link, LinkState) for link in answer):
        yield f"it returned {answer!r}, not a list of LinkState"
        return
    names = [link.name for link in answer]
    if len(set(names)) < len(names):
        yield f"a link is there twice: {names!r}"


def _limits(answer: Any) -> Iterable[str]:
    if not isinstance(answer, NodeLimits):
        yield f"it returned {answer!r}, not NodeLimits"
        return
    if min(answer.workers, answer.memory, answer.worker_memory, answer.batch) < 1:
        yield f"a limit is not positive: {answer!r}"


def _told(answer: Any, *_: Any) -> Iterable[str]:
    if not isinstance(answer, Told):
        yield f"it returned {answer!r}, not Told"
    elif min(answer.served, answer.waiting, answer.service) < 0:
        yield f"something counted is negative: {answer!r}"


def _request(answer: Any, *_: Any) -> Iterable[str]:
    if not isinstance(answer, HttpRequest):
        yield f"it returned {answer!r}, not an HttpRequest"
        return
    if not answer.url.startswith(("http://", "https://")):
        yield f"the URL '{answer.url}' is not absolute"
    if not isinstance(answer.body, bytes):
        yield f"the body is {type(answer.body).__name__}, not bytes"


def _state(answer: Any, model: str) -> Iterable[str]:
    if not isinstance(answer, ModelState):
        yield f"it returned {answer!r}, not a ModelState"
        return
    if answer.name != model:
        yield f"it describes '{answer.name}', not '{model}'"
    if answer.workers < 0 or answer.desired < 0:
        yield f"a number of workers is negative: {answer.workers} of {answer.desired}"
    if answer.workers > 0 and not answer.ready:
        yield f"{answer.workers} workers are ready, but the model is not"
    if not all(pid > 0 for pid in answer.pids):
        yield f"a pid is not positive: {answer.pids!r}"


_CHECKS: dict[str, Callable[..., Iterable[str]]] = {
    "healthy": _truth,
    "models": _names,
    "pids": _pids,
    "parts": _parts,
    "errors": _errors,
    "links": _links,
    "limits": _limits,
    "timings": _told,
    "infer_request": _request,
    "control_request": _request,
    "describe": _state,
}
