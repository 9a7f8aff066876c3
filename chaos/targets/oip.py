"""The Open Inference Protocol V2 over REST, with its model repository extension: Triton, MLServer, KServe.

``oip+http://HOST:PORT`` names the server; option ``verify=false`` takes any certificate, ``token`` is sent as a
bearer token (``env:NAME`` reads it from the environment). The protocol knows no workers, so a target like
this does not scale; with ``packages=DIR`` a Triton does (:mod:`chaos.targets.triton`). Repository extension:
docs/protocol/extension_model_repository.md of Triton's server.
"""

from __future__ import annotations

import json
from typing import Any

import anyio
import anyio.to_thread

from chaos.errors import CapabilityError, TargetError
from chaos.targets import oip_wire as wire
from chaos.targets.base import Target
from chaos.targets.context import TargetContext, UnansweredError, recorded
from chaos.targets.http import ControlClient
from chaos.targets.names import Names
from chaos.targets.options import flag, redacted, require_address, secret
from chaos.targets.processes import LocalProcesses
from chaos.targets.records import ModelState, Part, Told
from chaos.targets.url import TargetURL, is_loopback
from chaos.traffic.spec import HttpRequest

__all__ = ["OIP", "LocalOIP", "open_target"]

OPTIONS = ("packages", "token", "verify")
OURS = "chaos-embedded"
"""The name in the server's metadata by which the embedded platform is known."""
TRITON = "triton"
"""The name by which Triton says that it is one."""
HEALTH_SECONDS = 5.0
READY_SECONDS = 25.0
GONE_SECONDS = 100.0
"""Triton serves all that waits for a model before it lets go of it, also for clients that have left."""
POLL_SECONDS = 0.05


def open_target(url: TargetURL, context: TargetContext) -> Target:
    """Entry point: a server that runs already, with its processes if it is on this machine."""
    require_address(url, "oip+http://127.0.0.1:8000")
    url.check_options(OPTIONS)
    if url.option("packages"):
        from chaos.targets.triton import LocalTriton, Triton  # which are made from what is below

        return LocalTriton(url, context) if is_loopback(url.host) else Triton(url, context)
    return LocalOIP(url, context) if is_loopback(url.host) else OIP(url, context)


class OIP:
    """A server of the Open Inference Protocol: infers, registers and describes."""

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        self.url = redacted(url.text)
        self._base = url.base
        self._verify = flag(url, "verify", default=True)
        self._token = secret(url, "token")
        self._client = ControlClient(url.base, self._token, self._verify)
        self._record = context.record
        self._ours = self._triton = False
        self._batched: set[str] = set()
        self._names = Names()

    async def open(self) -> None:
        """Check that the address answers as the protocol asks, and find out whether it is the embedded platform."""
        with recorded(self._record, "open"):
            answer = await self._client.call("GET", "/v2", seconds=HEALTH_SECONDS)
            hint = "is this the HTTP port of a server of the Open Inference Protocol V2?"
            metadata = answer.expect(f"target {self.url}: reading the server's metadata", hint).json()
            if not isinstance(metadata, dict) or "name" not in metadata:
                raise TargetError(f"target {self.url}: {answer.url} answered '{answer.words}' ({hint})")
            self._ours, self._triton = metadata["name"] == OURS, metadata["name"] == TRITON

    async def close(self) -> None:
        """Let go of the connections; the server is not ours to stop."""
        await self._client.close()

    async def healthy(self) -> bool:
        """What ``/v2/health/ready`` says; a server that does not answer is not healthy."""
        try:
            return (await self._client.call("GET", "/v2/health/ready", seconds=HEALTH_SECONDS)).ok
        except TargetError:
            return False

    def infer_request(self, model: str, payload: object) -> HttpRequest:
        """An inference; a payload that is not in the protocol's own form goes as text, in one tensor."""
        document = wire.infer_document(payload, model in self._batched)
        return HttpRequest(
            url=f"{self._base}{wire.model_path(model)}/infer",
            headers=self._headers(),
            body=json.dumps(document).encode(),
            verify_tls=self._verify,
        )

    async def register(self, model: str, package: str, workers: int) -> None:
        """Load a model and wait until it is ready.

        The repository of a real server decides what a name stands for and how many instances serve it, so
        ``package`` and ``workers`` are asked for only where the server is the embedded platform. A model that
        is loaded already belongs to who loaded it: it is refused, and :meth:`unregister` will not touch it.
        """
        with recorded(self._record, "register", model):
            await self._load(model, package, self._loading(package, workers))

    async def register_batched(self, model: str, package: str, workers: int, size: int, delay: float) -> None:
        """As :meth:`register`, on the embedded platform and on Triton, where the configuration of the repository is
        loaded first, and then again with its dynamic batching (docs/user_guide/batcher.md of Triton's server).

        :raises CapabilityError: on another server, of which the protocol does not tell how it makes batches
        """
        if not (self._ours or self._triton):
            raise CapabilityError(
                f"target {self.url}: the protocol knows no batches, and this server is neither Triton nor the embedded "
                "platform (configure its batches, and use the cells of inference)"
            )
        with recorded(self._record, "register", model):
            body = self._loading(package, workers)
            if self._ours:
                body["parameters"] |= {"batch_size": size, "max_batch_delay": round(delay * 1000)}
            await self._load(model, package, body)
            if self._triton:
                await self._batch(model, size, delay)

    async def _batch(self, model: str, size: int, delay: float) -> None:
        """Have Triton load a model again, with dynamic batching."""
        what = f"target {self.url}: loading model '{model}' with batches of {size}"
        answer = await self._client.call("GET", f"{wire.model_path(model)}/config")
        config = answer.expect(what).json()
        if not isinstance(config, dict):
            raise UnansweredError(f"{what}: its configuration is none: '{answer.words}'")
        body = {"parameters": {"config": json.dumps({**config, **wire.dynamic_batching(size, delay)})}}
        answer = await self._client.call("POST", wire.repository_path(model, "load"), body=body)
        answer.expect(what, "does its backend make batches?")
        self._batched.add(model)
        await self._until(model, ready=True, what=what)

    async def _load(self, model: str, package: str, body: dict[str, Any]) -> None:
        what = f"target {self.url}: loading model '{model}'"
        if await self._ready(model):
            self._names.taken(model)
            raise TargetError(
                f"{what}: the server serves a model of that name already (unload it first, or choose another name)"
            )
        answer = await self._client.call("POST", wire.repository_path(model, "load"), body=body)
        answer.expect(what, self._remedy(package))
        self._names.registered(model)
        await self._until(model, ready=True, what=what)

    async def unregister(self, model: str) -> None:
        """Unload it and wait until it is gone; that it is not there is no error."""
        if self._names.foreign(model):
            return
        with recorded(self._record, "unregister", model):
            what = f"target {self.url}: unloading model '{model}'"
            answer = await self._client.call("POST", wire.repository_path(model, "unload"), body={})
            if answer.status != 404:
                answer.expect(what, "does the server let models be unloaded?")
            await self._until(model, ready=False, what=what)
            self._batched.discard(model)
            self._names.released(model)

    def control_request(
        self, operation: str, model: str = "", workers: int = 0, package: str = ""
    ) -> HttpRequest:
        """``load`` and ``unload`` of the repository extension, also by the names of ``register`` and ``unregister``; of
        the protocol itself readiness, the server's and the model's metadata, and the repository's index.
        """
        method, body = "GET", b""
        match operation:
            case "load" | "register":
                method, path = "POST", wire.repository_path(model, "load")
                body = json.dumps(self._loading(package, workers) if package else {}).encode()
            case "unload" | "unregister":
                method, path, body = "POST", wire.repository_path(model, "unload"), b"{}"
            case "health":
                path = "/v2/health/ready"
            case "api_description":
                path = "/v2"
            case "describe":
                path = wire.model_path(model)
            case "list":
                method, path, body = "POST", wire.INDEX, b"{}"
            case _:
                raise CapabilityError(
                    f"target {self.url}: the protocol's control plane has no '{operation}' "
                    "(it loads, unloads, describes and lists)"
                )
        return HttpRequest(f"{self._base}{path}", method, self._headers(), body, self._verify)

    def _remedy(self, package: str) -> str:
        """What to do where a load was refused."""
        if self._ours:
            return "is there such a handler package?"
        return (
            f"a model of that name, serving what '{package}' stands for, must be in the server's repository, "
            "and the server must let models be loaded: Triton with --model-control-mode=explicit"
        )

    def _loading(self, package: str, workers: int) -> dict[str, Any]:
        """The body of a load: a real server's repository decides both."""
        return {"parameters": {"package": package, "workers": workers}} if self._ours else {}

    async def models(self) -> list[str]:
        """The names of the models that are loaded or being loaded."""
        index = await self._index()
        if index is None:
            answer = await self._client.call("GET", "/v2/models")
            return wire.names_told(answer.expect(f"target {self.url}: listing models"))
        return sorted({name for name, entry in index if entry.get("state") in wire.SERVED})

    async def describe(self, model: str) -> ModelState:
        """Its state in the repository index. ``workers`` are the instances of Triton's configuration; where the
        server does not say, 1 if it is ready."""
        index = await self._index()
        entries = [entry for name, entry in index or () if name == model]
        ready = await self._ready(model)
        if not entries and not ready:
            raise TargetError(
                f"target {self.url}: the server does not know a model '{model}' (is it in its repository, and loaded?)"
            )
        loaded = ready or any(entry.get("state") in wire.SERVED for entry in entries)
        desired = await self._instances(model) if loaded else 0
        return ModelState(model, ready, desired if ready else 0, desired, (), entries[0] if entries else {})

    async def timings(self, model: str) -> Told:
        """From the statistics extension, which Triton has."""
        answer = await self._client.call("GET", f"{wire.model_path(model)}/stats")
        if answer.status in (404, 405, 501):
            raise CapabilityError(f"target {self.url}: the server has no statistics of model '{model}'")
        return wire.timings_told(
            answer.expect(f"target {self.url}: reading the statistics of model '{model}'")
        )

    def _headers(self) -> tuple[tuple[str, str], ...]:
        bearer = (("Authorization", f"Bearer {self._token}"),) if self._token else ()
        return (("Content-Type", "application/json"), *bearer)

    async def _ready(self, model: str) -> bool:
        answer = await self._client.call("GET", f"{wire.model_path(model)}/ready", seconds=HEALTH_SECONDS)
        return wire.ready_told(answer)

    async def _index(self) -> list[tuple[str, dict[str, Any]]] | None:
        """Name and entry of each model in the repository; ``None`` where there is no index, as in KServe."""
        answer = await self._client.call("POST", wire.INDEX, body={})
        if answer.status in (404, 405, 501):
            return None
        return wire.index_told(answer.expect(f"target {self.url}: reading the repository index"))

    async def _instances(self, model: str) -> int:
        answer = await self._client.call("GET", f"{wire.model_path(model)}/config", seconds=HEALTH_SECONDS)
        return wire.instances_told(answer)

    async def _until(self, model: str, *, ready: bool, what: str) -> None:
        """Wait until it is ready; or until it is neither ready nor on its way out, as Triton drains first."""
        seconds = READY_SECONDS if ready else GONE_SECONDS
        with anyio.move_on_after(seconds):
            while await self._ready(model) is not ready or (not ready and await self._draining(model)):  # noqa: ASYNC110
                await anyio.sleep(POLL_SECONDS)
            return
        state = "not ready" if ready else "still being unloaded"
        raise UnansweredError(
            f"{what}: accepted, but after {seconds:g} s the model is {state} (see the server's log)"
        )

    async def _draining(self, model: str) -> bool:
        return any(
            name == model and entry.get("state") == "UNLOADING" for name, entry in await self._index() or ()
        )


class LocalOIP(OIP):
    """A server on this machine, whose processes can be read."""

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        super().__init__(url, context)
        self._processes = LocalProcesses(url.port)

    def pids(self) -> list[int]:
        """The server that owns the port."""
        return self._processes.pids()

    async def parts(self) -> list[Part]:
        """The server as manager: the protocol knows no workers, so nothing tells which process serves what."""
        return await anyio.to_thread.run_sync(self._processes.parts, {})
