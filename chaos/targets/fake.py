"""The public double of a target: in memory, with every capability. Without a script, it does nothing wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.errors import TargetError
from chaos.targets.records import ErrorRecord, LinkState, ModelState, NodeLimits, Part, Told
from chaos.traffic.spec import HttpRequest

__all__ = ["FakeTarget"]


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

    def package_in(self, directory: Path) -> str:
        """Its name, as all packages are in one store."""
        self._called("package_in", directory)
        return directory.name

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
