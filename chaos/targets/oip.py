"""The Open Inference Protocol V2 over REST, with its model repository extension: Triton, MLServer, KServe.

``oip+http://HOST:PORT`` names the server; option ``verify=false`` takes any certificate, ``token`` is sent as a
bearer token (``env:NAME`` reads it from the environment). The protocol knows no workers, so a target like
this does not scale; with ``packages=DIR`` a Triton does (:mod:`chaos.targets.triton`). Repository extension:
docs/protocol/extension_model_repository.md of Triton's server.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import anyio
import anyio.to_thread

from chaos.errors import CapabilityError, TargetError
from chaos.targets.base import ModelState, Part, Target, Told
from chaos.targets.context import TargetContext, UnansweredError, recorded
from chaos.targets.http import ControlClient
from chaos.targets.names import Names
from chaos.targets.options import flag, redacted, require_address, secret
from chaos.targets.processes import LocalProcesses
from chaos.targets.url import TargetURL, is_loopback
from chaos.traffic.spec import NONCE, HttpRequest

__all__ = ["INPUT", "OIP", "LocalOIP", "dynamic_batching", "open_target", "repository_path"]

OPTIONS = ("packages", "token", "verify")
OURS = "chaos-embedded"
"""The name in the server's metadata by which the embedded platform is known."""
TRITON = "triton"
"""The name by which Triton says that it is one."""
INPUT = "payload"
"""The input tensor that carries a payload which is not in the protocol's own form."""
HEALTH_SECONDS = 5.0
READY_SECONDS = 25.0
GONE_SECONDS = 100.0
"""Triton serves all that waits for a model before it lets go of it, also for clients that have left."""
POLL_SECONDS = 0.05
SERVICE = ("compute_input", "compute_infer", "compute_output")
"""What a request's service consists of, in the statistics extension's words."""
SERVED = ("READY", "LOADING", "UNKNOWN")
"""States of a model that is in, or on its way in; MLServer says UNKNOWN of one that it loads."""


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
        """An inference. A payload with ``inputs`` is the protocol's own and is sent as it is; any other goes as
        the text of a BYTES tensor of one element. Where the payload carries no nonce, the request's ``id`` does.
        """
        if isinstance(payload, dict) and "inputs" in payload:
            document: dict[str, Any] = dict(payload)
        else:
            # to a model that batches, Triton adds a dimension: of how many inferences a request has, here one
            shape = [1, 1] if model in self._batched else [1]
            tensor = {"name": INPUT, "shape": shape, "datatype": "BYTES", "data": [json.dumps(payload)]}
            document = {"inputs": [tensor]}
        # an id beside a nonce in the payload would be echoed by the server, whatever the model answers
        if "id" not in document and NONCE not in json.dumps(document):
            document = {"id": NONCE, **document}
        return HttpRequest(
            url=f"{self._base}{_path(model)}/infer",
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
        answer = await self._client.call("GET", f"{_path(model)}/config")
        config = answer.expect(what).json()
        if not isinstance(config, dict):
            raise UnansweredError(f"{what}: its configuration is none: '{answer.words}'")
        body = {"parameters": {"config": json.dumps({**config, **dynamic_batching(size, delay)})}}
        answer = await self._client.call("POST", repository_path(model, "load"), body=body)
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
        answer = await self._client.call("POST", repository_path(model, "load"), body=body)
        answer.expect(what, self._remedy(package))
        self._names.registered(model)
        await self._until(model, ready=True, what=what)

    async def unregister(self, model: str) -> None:
        """Unload it and wait until it is gone; that it is not there is no error."""
        if self._names.foreign(model):
            return
        with recorded(self._record, "unregister", model):
            what = f"target {self.url}: unloading model '{model}'"
            answer = await self._client.call("POST", repository_path(model, "unload"), body={})
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
                method, path = "POST", repository_path(model, "load")
                body = json.dumps(self._loading(package, workers) if package else {}).encode()
            case "unload" | "unregister":
                method, path, body = "POST", repository_path(model, "unload"), b"{}"
            case "health":
                path = "/v2/health/ready"
            case "api_description":
                path = "/v2"
            case "describe":
                path = _path(model)
            case "list":
                method, path, body = "POST", "/v2/repository/index", b"{}"
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
            answer = (await self._client.call("GET", "/v2/models")).expect(
                f"target {self.url}: listing models"
            )
            content = answer.json()
            names = content.get("models") if isinstance(content, dict) else None
            if not isinstance(names, list):
                raise UnansweredError(
                    f"target {self.url}: {answer.url} is no list of models: '{answer.words}'"
                )
            return sorted({str(name) for name in names})
        return sorted({name for name, entry in index if entry.get("state") in SERVED})

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
        loaded = ready or any(entry.get("state") in SERVED for entry in entries)
        desired = await self._instances(model) if loaded else 0
        return ModelState(model, ready, desired if ready else 0, desired, (), entries[0] if entries else {})

    async def timings(self, model: str) -> Told:
        """From the statistics extension, which Triton has."""
        answer = await self._client.call("GET", f"{_path(model)}/stats")
        if answer.status in (404, 405, 501):
            raise CapabilityError(f"target {self.url}: the server has no statistics of model '{model}'")
        content = answer.expect(f"target {self.url}: reading the statistics of model '{model}'").json()
        try:
            counted = [entry["inference_stats"] for entry in content["model_stats"]]  # type: ignore[index]
            seconds = {key: sum(entry[key]["ns"] for entry in counted) / 1e9 for key in ("queue", *SERVICE)}
            served = sum(int(entry["success"]["count"]) for entry in counted)
        except (KeyError, TypeError):
            raise UnansweredError(
                f"target {self.url}: {answer.url} is no statistics: '{answer.words}'"
            ) from None
        return Told(served, seconds["queue"], sum(seconds[key] for key in SERVICE))

    def _headers(self) -> tuple[tuple[str, str], ...]:
        bearer = (("Authorization", f"Bearer {self._token}"),) if self._token else ()
        return (("Content-Type", "application/json"), *bearer)

    async def _ready(self, model: str) -> bool:
        answer = await self._client.call("GET", f"{_path(model)}/ready", seconds=HEALTH_SECONDS)
        if not answer.ok:
            return False
        content = (
            answer.json() if answer.body.strip() else None
        )  # KServe has a body, Triton and MLServer have none
        return not isinstance(content, dict) or content.get("ready") is not False

    async def _index(self) -> list[tuple[str, dict[str, Any]]] | None:
        """Name and entry of each model in the repository; ``None`` where there is no index, as in KServe."""
        answer = await self._client.call("POST", "/v2/repository/index", body={})
        if answer.status in (404, 405, 501):
            return None
        content = answer.expect(f"target {self.url}: reading the repository index").json()
        if not isinstance(content, list) or not all(
            isinstance(entry, dict) and "name" in entry for entry in content
        ):
            raise UnansweredError(f"target {self.url}: {answer.url} is no index of models: '{answer.words}'")
        return [(str(entry["name"]), entry) for entry in content]

    async def _instances(self, model: str) -> int:
        answer = await self._client.call("GET", f"{_path(model)}/config", seconds=HEALTH_SECONDS)
        if not answer.ok:
            return 1
        content = answer.json()
        groups = content.get("instance_group", []) if isinstance(content, dict) else []
        return sum(int(group.get("count", 1)) for group in groups) or 1

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


def _path(model: str) -> str:
    return f"/v2/models/{quote(model, safe='')}"


def repository_path(model: str, verb: str) -> str:
    """Where a model of the repository is loaded or unloaded, by the verb."""
    return f"/v2/repository/models/{quote(model, safe='')}/{verb}"


def dynamic_batching(size: int, delay: float) -> dict[str, Any]:
    """What makes a Triton model take batches, as fields of its configuration (docs/user_guide/batcher.md)."""
    queue = {"preferred_batch_size": [size], "max_queue_delay_microseconds": round(delay * 1e6)}
    return {"max_batch_size": size, "dynamic_batching": queue}
