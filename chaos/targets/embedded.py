"""The embedded platform as a target: started for the run as a process of its own, stopped at its end.

``embedded`` alone will do; its options are those of :mod:`chaos.targets.embedded_options`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import anyio.to_thread
import psutil

from chaos.errors import TargetError
from chaos.targets.base import Target
from chaos.targets.context import TargetContext, UnansweredError, recorded
from chaos.targets.embedded_options import OPTIONS, PORTS, PlatformOptions
from chaos.targets.http import ControlClient
from chaos.targets.platform import LOG, Platform
from chaos.targets.processes import listeners, port_is_free, tree
from chaos.targets.records import ErrorRecord, LinkState, ModelState, NodeLimits, Part, Told
from chaos.targets.torchserve import TorchServe
from chaos.targets.torchserve_wire import mapping
from chaos.targets.url import TargetURL
from chaos.traffic.spec import HttpRequest

__all__ = ["Embedded", "open_target"]

ASK_SECONDS = 2.0
"""How long the manager may take to say whose replicas are whose, before what it said last is believed."""

ERRORS = 1000
EXECUTIONS = "executions.log"
"""In the run directory: each request with a nonce that a handler was given."""


def open_target(url: TargetURL, context: TargetContext) -> Target:
    """Entry point: an embedded platform that :meth:`Embedded.open` starts."""
    url.check_options(OPTIONS)
    if url.base:
        raise TargetError(
            f"target {url.text}: the embedded platform is started for the run and takes no address "
            "(write 'embedded'; for one that runs already, torchserve+http://…?store=plain)"
        )
    return Embedded(url, context)


class Embedded:
    """The embedded platform, spoken to as the TorchServe that it looks like."""

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        self.url = url.text
        self._context = context
        named = [part for name, value in url.options if name == "defect" for part in value.split(",") if part]
        self._defects = tuple(dict.fromkeys((*named, *context.defects)))
        self._options = PlatformOptions.of(url)
        self._platform: Platform | None = None
        self._workers: dict[int, tuple[str, str]] = {}
        self._server: TorchServe | None = None
        self._management: ControlClient | None = None
        self.address: TargetURL | None = None
        """Where it serves while it is open, as another target could be told."""

    async def open(self) -> None:
        """Start it; return when it serves, on ports that are its own.

        :raises TargetError: if it does not start, in its own words
        """
        try:
            with recorded(self._context.record, "start"):
                ready = await self._start()
                await anyio.to_thread.run_sync(self._check_owner, ready)
            text = (
                f"torchserve+http://127.0.0.1:{ready['inference']}"
                f"?management={ready['management']}&metrics={ready['metrics']}&store=plain"
            )
            self.address = TargetURL.parse(text, ["torchserve"])
            self._server = TorchServe(self.address, self._context)
            self._management = ControlClient(f"http://127.0.0.1:{ready['management']}")
            await self._server.open()
        except BaseException:
            with anyio.CancelScope(shield=True), suppress(TargetError):
                await self.close()
            raise

    async def close(self) -> None:
        """End of file tells it to stop in order; what is left after the deadline is killed, pid by pid."""
        server, self._server, self.address = self._server, None, None
        if server is not None:
            await server.close()
        management, self._management = self._management, None
        if management is not None:
            await management.close()
        platform, self._platform = self._platform, None
        if platform is not None:
            with recorded(self._context.record, "stop"):
                await platform.stop()

    async def healthy(self) -> bool:
        """Whether it runs and says that it can serve."""
        return self._server is not None and await self._server.healthy()

    def infer_request(self, model: str, payload: object) -> HttpRequest:
        """A prediction, as TorchServe takes it."""
        return self._opened().infer_request(model, payload)

    async def register(self, model: str, package: str, workers: int) -> None:
        """Serve a handler package of the platform, or of the directory ``models``."""
        await self._opened().register(model, package, workers)

    async def register_batched(self, model: str, package: str, workers: int, size: int, delay: float) -> None:
        """As :meth:`register`, with the platform's adaptive batching."""
        await self._opened().register_batched(model, package, workers, size, delay)

    def package_in(self, directory: Path) -> str:
        """Its path: the platform reads the same files."""
        return str(directory)

    async def unregister(self, model: str) -> None:
        """Drain it and let it go; that it is not there is no error."""
        await self._opened().unregister(model)

    async def scale(self, model: str, workers: int) -> None:
        """Return when exactly that many replicas are ready."""
        await self._opened().scale(model, workers)

    def control_request(
        self, operation: str, model: str = "", workers: int = 0, package: str = ""
    ) -> HttpRequest:
        """As the TorchServe that it looks like."""
        return self._opened().control_request(operation, model, workers, package)

    async def models(self) -> list[str]:
        """The names of all models, sorted."""
        return await self._opened().models()

    async def describe(self, model: str) -> ModelState:
        """What the platform says of a model."""
        return await self._opened().describe(model)

    async def timings(self, model: str) -> Told:
        """From the proxy's metrics, which are TorchServe's."""
        return await self._opened().timings(model)

    def pids(self) -> list[int]:
        """The platform's supervisor, from which all its processes descend."""
        pid = self._platform.pid if self._platform is not None else None
        return [pid] if pid is not None else []

    async def parts(self) -> list[Part]:
        """Manager, proxy and replicas that run now. The models of replicas are what the platform said last of them:
        a manager that is frozen, or being replaced, does not say."""
        self._opened()
        with suppress(TargetError), anyio.move_on_after(ASK_SECONDS):
            self._workers = await self._described()
        platform = self._platform
        return [] if platform is None else await anyio.to_thread.run_sync(platform.parts, self._workers)

    async def _described(self) -> dict[int, tuple[str, str]]:
        return {
            int(worker["pid"]): (model, str(worker["id"]))
            for model in await self.models()
            for worker in (await self.describe(model)).detail["workers"]
        }

    async def errors(self, model: str) -> list[ErrorRecord]:
        """The platform's error history."""
        answer = await self._call("GET", f"/errors?model={quote(model, safe='')}&limit={ERRORS}")
        try:
            return [ErrorRecord(**entry) for entry in answer["errors"]]
        except (KeyError, TypeError):
            raise UnansweredError(f"target {self.url}: its error history is none: {answer}") from None

    async def links(self) -> list[LinkState]:
        """The proxy's links to the manager and to each replica, as the platform knows them now."""
        answer = await self._call("GET", "/links")
        manager = answer["manager"]
        return [
            LinkState("manager", "", manager["up"], manager["since"], manager["proxy"]),
            *(
                LinkState(
                    f"replica-{link['model']}-{link['id']}",
                    link["model"],
                    link["up"],
                    link["since"],
                    link["proxy"],
                )
                for link in answer["replicas"]
            ),
        ]

    async def limits(self) -> NodeLimits:
        """How many workers it runs at most, and by how much memory."""
        answer = await self._call("GET", "/limits")
        try:
            return NodeLimits(**answer)
        except TypeError:
            raise UnansweredError(f"target {self.url}: its limits are none: {answer}") from None

    async def _call(self, method: str, path: str) -> dict[str, Any]:
        """What the platform answers on its management port beside TorchServe's own paths."""
        if self._management is None:
            raise TargetError(f"target {self.url}: it is not open")
        return mapping((await self._management.call(method, path)).expect(f"{method} {path}"))

    def _opened(self) -> TorchServe:
        if self._server is None:
            raise TargetError(f"target {self.url}: it is not open")
        return self._server

    async def _start(self) -> dict[str, int]:
        for name, port in self._options.ports.items():
            if port and not port_is_free(port):
                raise TargetError(
                    f"target {self.url}: port {port}, asked for by option '{name}', is in use"
                    f"{await anyio.to_thread.run_sync(_who, port)} (choose another, or leave the option out)"
                )
        self._platform = Platform(self.url, self._command_line(), self._context, self._options.cgroup)
        ready = await self._platform.start()
        try:
            return {name: int(ready[name]) for name in PORTS}
        except (KeyError, TypeError, ValueError):
            raise TargetError(
                f"target {self.url}: it did not start: it named no ports, but said '{ready}'"
            ) from None

    def _command_line(self) -> list[str]:
        words = [word for defect in self._defects for word in ("--defect", defect)] + self._options.words()
        if self._context.directory is not None:
            words += ["--log", str(self._context.directory / LOG)]
            words += ["--executions", str(self._context.directory / EXECUTIONS)]
        if self._context.links:
            words += ["--link-proxy", self._context.link_api, "--links", ",".join(self._context.links)]
        return words

    def _check_owner(self, ready: dict[str, int]) -> None:
        """Hold the ports against the processes: a port that answers may be somebody else's (D12)."""
        family = {process.pid for pid in self.pids() for process in tree(pid)}
        for name in PORTS:
            owners = set(listeners(ready[name]))
            if owners and not owners <= family:
                others = ", ".join(map(str, sorted(owners - family)))
                raise TargetError(
                    f"target {self.url}: the {name} port {ready[name]} belongs to another process (pid {others}) "
                    "as well (end it, or choose another port)"
                )


def _who(port: int) -> str:
    names = []
    for pid in listeners(port):
        with suppress(psutil.NoSuchProcess):
            names.append(f"{psutil.Process(pid).name()}, pid {pid}")
    return f" by another process ({'; '.join(names)})" if names else ""
